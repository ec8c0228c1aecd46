/**
 * The camera, picture after picture. While one is being shown the next one is being explained, so that
 * the page and its worker do not wait for each other.
 */

import { say } from './words.js';

/** The network looks at a small picture; reading a large one back would only cost time. */
const WIDTH = 320;

export class Camera {
  /** One run, from the press of the button to the end. @type {{stream: MediaStream | null, changing: boolean} | null} */
  #run = null;
  #video = document.createElement('video');
  /** The frame on show and the one that is being explained, in turn. */
  #frames = [document.createElement('canvas'), document.createElement('canvas')];
  #last = null; // the frame on show
  #chooser;

  /**
   * @param {HTMLSelectElement} chooser  shown where there are several cameras
   * @param {() => void} failed          another one was chosen and does not give its picture
   */
  constructor(chooser, failed) {
    this.#chooser = chooser;
    chooser.addEventListener('change', () => this.#change().catch(failed));
  }

  /** Also while it is being waited for. */
  get running() {
    return this.#run !== null;
  }

  async #open(run, video) {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, ...video } });
    if (this.#run !== run) { // stopped meanwhile
      for (const track of stream.getTracks()) track.stop();
      return false;
    }
    for (const track of run.stream?.getTracks() ?? []) track.stop();
    run.stream = stream;
    Object.assign(this.#video, { srcObject: stream, muted: true, playsInline: true });
    await this.#video.play();
    return this.#run === run;
  }

  /** Another one of several cameras. */
  async #change() {
    const run = this.#run;
    if (!run?.stream) return;
    const before = run.stream.getVideoTracks()[0].getSettings().deviceId;
    const open = (deviceId) => this.#open(run, { deviceId: { exact: deviceId } });
    try {
      await open(this.#chooser.value);
    } catch (error) {
      // Many a phone opens no second camera while it holds the first.
      if (this.#run !== run || error.name !== 'NotReadableError') throw error;
      run.changing = true;
      for (const track of run.stream.getTracks()) track.stop();
      await open(this.#chooser.value).catch(async (again) => {
        await open(before);
        throw again;
      });
    } finally {
      run.changing = false;
      if (this.#run === run) this.#list(run).catch(() => {});
    }
  }

  /** Its names are known once it has been allowed. */
  async #list(run) {
    const all = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'videoinput');
    if (this.#run !== run) return;
    const { deviceId } = run.stream.getVideoTracks()[0].getSettings();
    this.#chooser.replaceChildren(...all.map((one, i) => new Option(one.label || say('page.camera.number', { number: i + 1 }), one.deviceId, false, one.deviceId === deviceId)));
    this.#chooser.hidden = all.length < 2;
  }

  /** The frame in the video's own proportions, which change when a phone is turned. */
  #draw(frame) {
    const { videoWidth, videoHeight } = this.#video;
    const height = Math.max(1, Math.round((WIDTH * videoHeight) / videoWidth)) || 1;
    if (frame.width !== WIDTH || frame.height !== height) Object.assign(frame, { width: WIDTH, height });
    frame.getContext('2d', { willReadFrequently: true }).drawImage(this.#video, 0, 0, WIDTH, height);
  }

  /**
   * @template Answer
   * @param {(frame: HTMLCanvasElement) => Promise<Answer>} ask
   * @param {(answer: Answer, frame: HTMLCanvasElement) => void} show
   */
  async start(ask, show) {
    if (!navigator.mediaDevices) throw new Error(say('page.camera.https'));
    const run = { stream: null, changing: false };
    this.#run = run;
    this.#last = null;
    if (!await this.#open(run, { facingMode: 'environment' })) return;
    this.#list(run).catch(() => {});
    let turn = 0;
    const next = () => {
      turn = 1 - turn;
      const frame = this.#frames[turn];
      this.#draw(frame);
      return { frame, answer: ask(frame) };
    };
    let pending = next();
    while (this.#run === run) {
      const { frame, answer } = pending;
      const value = await answer;
      if (this.#run !== run) return;
      if (!run.changing && run.stream.getVideoTracks().every(({ readyState }) => readyState === 'ended')) {
        throw new Error(say('page.camera.gone'));
      }
      pending = next();
      pending.answer.catch(() => {}); // it is awaited in its turn, unless the camera stops
      show(value, frame);
      this.#last = frame;
      await new Promise((done) => requestAnimationFrame(done));
    }
  }

  /** @returns {ImageData | null}  the picture on show, if there is one */
  stop() {
    if (!this.#run) return null;
    for (const track of this.#run.stream?.getTracks() ?? []) track.stop();
    this.#run = null;
    this.#video.srcObject = null;
    this.#chooser.hidden = true;
    const last = this.#last;
    this.#last = null;
    return last && last.getContext('2d').getImageData(0, 0, last.width, last.height);
  }
}
