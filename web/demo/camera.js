/**
 * The camera, picture after picture: the next one is taken when the last one has been explained.
 */

/** The network looks at a small picture; reading a large one back would only cost time. */
const WIDTH = 320;

export class Camera {
  #stream = null;
  #looked = false;
  #video = document.createElement('video');
  #canvas = document.createElement('canvas');

  get running() {
    return this.#stream !== null;
  }

  /** @param {(frame: HTMLCanvasElement) => Promise<void>} look  what to do with each picture */
  async start(look) {
    if (!navigator.mediaDevices) throw new Error('A page reaches the camera only where it comes over https.');
    this.#stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, facingMode: 'environment' } });
    Object.assign(this.#video, { srcObject: this.#stream, muted: true, playsInline: true });
    this.#looked = false;
    await this.#video.play();
    const { videoWidth, videoHeight } = this.#video;
    this.#canvas.width = WIDTH;
    this.#canvas.height = Math.round((WIDTH * videoHeight) / videoWidth);
    const context = this.#canvas.getContext('2d', { willReadFrequently: true });
    while (this.#stream) {
      context.drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
      await look(this.#canvas);
      this.#looked = true;
      await new Promise((next) => requestAnimationFrame(next));
    }
  }

  /** @returns {ImageData | null}  the last picture, if there was one */
  stop() {
    if (!this.#stream) return null;
    for (const track of this.#stream.getTracks()) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    const { width, height } = this.#canvas;
    return this.#looked ? this.#canvas.getContext('2d').getImageData(0, 0, width, height) : null;
  }
}
