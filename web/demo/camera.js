/**
 * The camera, picture after picture. While one is being shown the next one is being explained, so that
 * the page and its worker do not wait for each other.
 */

/** The network looks at a small picture; reading a large one back would only cost time. */
const WIDTH = 320;

export class Camera {
  #stream = null;
  #video = document.createElement('video');
  /** The frame on show and the one that is being explained, in turn. */
  #frames = [document.createElement('canvas'), document.createElement('canvas')];
  #last = null; // the frame on show

  get running() {
    return this.#stream !== null;
  }

  /**
   * @template Answer
   * @param {(frame: HTMLCanvasElement) => Promise<Answer>} ask
   * @param {(answer: Answer, frame: HTMLCanvasElement) => void} show
   */
  async start(ask, show) {
    if (!navigator.mediaDevices) throw new Error('A page reaches the camera only where it comes over https.');
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, facingMode: 'environment' } });
    this.#stream = stream;
    this.#last = null;
    Object.assign(this.#video, { srcObject: stream, muted: true, playsInline: true });
    await this.#video.play();
    const { videoWidth, videoHeight } = this.#video;
    for (const frame of this.#frames) Object.assign(frame, { width: WIDTH, height: Math.round((WIDTH * videoHeight) / videoWidth) });
    let turn = 0;
    const next = () => {
      turn = 1 - turn;
      const frame = this.#frames[turn];
      frame.getContext('2d', { willReadFrequently: true }).drawImage(this.#video, 0, 0, frame.width, frame.height);
      return { frame, answer: ask(frame) };
    };
    let pending = next();
    while (this.#stream === stream) {
      const { frame, answer } = pending;
      const value = await answer;
      if (this.#stream !== stream) return;
      pending = next();
      pending.answer.catch(() => {}); // it is awaited in its turn, unless the camera stops
      show(value, frame);
      this.#last = frame;
      await new Promise((done) => requestAnimationFrame(done));
    }
  }

  /** @returns {ImageData | null}  the picture on show, if there is one */
  stop() {
    if (!this.#stream) return null;
    for (const track of this.#stream.getTracks()) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    const last = this.#last;
    return last && last.getContext('2d').getImageData(0, 0, last.width, last.height);
  }
}
