/** What a TypeScript user writes; types.test.mjs compiles it strictly. */
import { GradCam, GradCamError } from 'gradcam-wasm';

export async function look(file: File, canvas: HTMLCanvasElement): Promise<string> {
  const controller = new AbortController();
  const cam = await GradCam.load('pocket', {
    threads: 'auto',
    signal: controller.signal,
    onProgress: ({ file: name, loaded, total }) => console.log(name, total === null ? loaded : loaded / total),
  });
  try {
    const { predictions, maps, timings, warnings } = await cam.explain(file,
      { top: 3, classes: [0, 'flower', { plus: ['flower'], minus: ['church'] }], method: 'layercam', score: 'softmax' });
    const [map] = maps;
    const heat: Float32Array = map.normalized;
    const pixels = map.toImageData({ colormap: 'viridis', alpha: 0.5 });
    canvas.getContext('2d')?.drawImage(map.toCanvas(), 0, 0);
    const png: Uint8Array = await map.toPNG({ preset: 'keras' });
    const [box] = map.boxes({ threshold: 0.15 });
    const [height, width]: [number, number] = cam.model.input;
    return [predictions[0].name, heat.length, pixels.width, png.length, box?.area, timings.forward + height * width,
      warnings.length, cam.layers()[0].channels].join(' ');
  } catch (error) {
    if (error instanceof GradCamError && error.code === 'cancelled') return '';
    throw error;
  } finally {
    cam.dispose();
  }
}
