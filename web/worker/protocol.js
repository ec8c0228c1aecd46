/**
 * What the page and the worker say to each other: every message is listed here, and both ends
 * of the conversation live here, so that nothing else knows about message ports.
 *
 * A request has a number; its reply repeats it. While a request runs, the worker may send progress,
 * and the page may send a cancellation. Requests are answered one after the other.
 *
 * @typedef {import('../files/files.js').Progress} Progress
 * @typedef {import('../files/files.js').FileSpec} FileSpec
 * @typedef {import('../files/sources.js').SourceSpec} SourceSpec
 * @typedef {import('../paint/render.js').Pixels} Pixels
 *
 * @typedef {{id: number, request: string, args: any}} RequestMessage   one of Requests
 * @typedef {{cancel: number}} CancelMessage
 * @typedef {{id: number, progress: Progress}} ProgressMessage
 * @typedef {{id: number, value: any}} ValueMessage
 * @typedef {{id: number, error: {code: string, message: string} & import('../base/errors.js').ErrorFacts}} ErrorMessage
 *
 * @typedef {object} Requests   what they take and give
 * @property {(args: LoadArgs) => ModelInfo} load
 * @property {(args: ExplainArgs) => ExplainValue} explain
 * @property {(args: Pick<ExplainArgs, 'picture' | 'preprocess' | 'resize' | 'fit'>) =>
 *   {scores: Float32Array, probabilities: Float32Array}} scores   of every class
 * @property {(args: {picture: PictureSpec, top: number, modes?: string[]}) => Preview[]} previews
 * @property {(args: Pick<ExplainArgs, 'preprocess' | 'resize' | 'fit'>) => Pick<ModelInfo, 'preprocess' | 'warnings'>} setPreprocess
 *   how pictures are prepared from now on
 * @property {() => string[]} weightLayers   layers with weights, from the output on
 * @property {(args: {layers: number, seed: number}) => void} randomise   for good
 * @property {(args: StepsArgs) => StepsValue} steps  everything between picture and map, for one class
 * @property {(args: TraceArgs) => Trace} trace      one activation, and how it depends on the input
 * @property {() => {heap: number, weights: number, activations: number}} memory   bytes
 * @property {(args: PaintArgs) => Uint8Array} png    heat over picture, as PNG bytes
 * @property {(args: GridArgs) => Uint8Array} grid    the picture and its maps, as PNG bytes
 *
 * @typedef {object} LoadArgs
 * @property {SourceSpec} source
 * @property {number | 'auto'} threads
 * @property {'auto' | 'simd' | 'relaxed'} variant
 * @property {string} [wasmUrl]             folder of gradcam.wasm
 * @property {string} [modelsUrl]           folder of the models that are known by name
 * @property {OwnFiles} [files]             of the package, where the worker cannot know where they are
 * @property {boolean} precise
 * @property {string | object} [preprocess]
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]
 * @property {string} [fit]                 'stretch', 'pad', 'crop' or 'crop:RATIO'
 * @property {string[] | FileSpec} [labels]  names, 'imagenet', or a file of them
 * @property {string | number} [head]       the output asked about, by name or number
 * @property {'softmax' | 'sigmoid' | 'none'} [activation]  what makes probabilities of its numbers
 * @property {[number, number]} [inputSize]  height and width of the input
 * @property {Record<string, number[]>} [inputShape]  per input, ONNX order
 * @property {number[]} [grid]              height and width of a transformer's tokens, and how many are before them
 * @property {object | FileSpec} [config]   the network of a Keras file of weights, as to_json() writes it
 * @property {'auto' | 'none'} cache        whether files with a digest are kept for the next visit
 * @property {string} [arch]                of a Keras file without a model
 * @property {'f32' | 'f16' | 'int8'} [weights]  how the weights of a Keras file are held
 * @property {boolean} [fakeQuantize]       TensorFlow Lite: activations are rounded as the file keeps them
 * @property {string} [packagesUrl]         folder with h5wasm/ and fflate/, where a page has no bundler
 *
 * @typedef {object} OwnFiles   addresses of the package's own files
 * @property {string} worker
 * @property {string} wasm
 * @property {Record<string, string>} models  those that the package brings
 *
 * @typedef {object} ModelInfo
 * @property {string} name
 * @property {[number, number]} input       height and width of the picture it is fed
 * @property {number} channels              3, or 1 for grey pictures
 * @property {number} classes               0: the head gives none
 * @property {string} head                  the output that the classes come from
 * @property {{name: string, kind: string, dims: number[]}[]} heads  all outputs of the file
 * @property {'classes' | 'binary' | 'labels' | 'value' | 'picture' | 'table' | 'features' | 'unknown'} kind  what the
 *   head gives: classes of which one is right, two classes by one unit, labels each for itself, values, ...
 * @property {'softmax' | 'sigmoid' | 'none'} activation  none: its predictions have no probability
 * @property {string[]} labels              as many as classes
 * @property {(string | undefined)[] | null} groups  the group of each class, 'dog', as its card says; null: it does not
 * @property {number | null} unfamiliarBelow  highest logit less the mean of all, below which a picture is nothing that
 *   the network knows; null: its card does not say
 * @property {string[]} limits              what it knows and what it misses, in sentences of its card
 * @property {Record<string, any> | null} accuracy  how often it is right, as its card has it; null: it does not say.
 *   imagenet_sample: {name: [top-1, top-5]}, shares of 300 photos, is one that every card of ImageNet's can have
 * @property {LayerInfo[]} layers
 * @property {string | null} defaultLayer
 * @property {{name: string, title: string, paper: string}[]} methods
 * @property {{name: string, text: string, default: number}[]} options  of methods
 * @property {{name: string, rgb: Uint8Array}[]} colormaps   256 RGB triples each
 * @property {UsedPreprocess} preprocess
 * @property {{name: string, constant: boolean}[]} operators  of ONNX, that the engine knows
 * @property {string} engine                version and variant
 * @property {number} threads               1: no others
 * @property {Warning[]} warnings
 *
 * @typedef {import('../../models/modes.js').Preprocess & {mode: string, network?: string, axes?: string,
 *   from: 'option' | 'card' | 'file' | 'network' | 'guess'}} UsedPreprocess  as used, and from where it is known:
 *   mode: its name, or the settings as a list that the option preprocess takes; network: whose layers were recognised
 *
 * @typedef {{mode: string, predictions: Prediction[]}} Preview
 * @typedef {{id: number, name: string, group?: string, score: number, probability: number | null}} Prediction
 *   group: what kind of thing the class is ('dog'), where the model's card says
 *
 * @typedef {object} LayerInfo
 * @property {string} name                  the tensor
 * @property {string} node                  what computes it
 * @property {string} op                    its ONNX operator
 * @property {number} height                of the map that it gives
 * @property {number} width
 * @property {number} channels
 * @property {true} [tokens]                its positions are the tokens of a transformer
 * @property {true} [default]               taken when none is named
 *
 * @typedef {FileSpec | Pixels} PictureSpec  encoded bytes, or an address, path or Blob that holds such,
 *   or pixels
 *
 * @typedef {object} ExplainArgs
 * @property {PictureSpec} picture
 * @property {number} top
 * @property {(number | string | {plus?: (number | string)[], minus?: (number | string)[]})[]} [classes]
 * @property {string} method
 * @property {Record<string, number>} [options]
 * @property {string} [layer]
 * @property {'logit' | 'softmax'} score
 * @property {string | object} [preprocess]
 * @property {'nearest' | 'bilinear' | 'bicubic'} [resize]
 * @property {string} [fit]
 * @property {'preprocessed' | 'raw'} [mapInput]
 * @property {boolean} pixels               send the decoded picture back
 * @property {boolean} early                progress has the answer so far
 *
 * @typedef {object} ExplainValue
 * @property {{width: number, height: number, data?: Uint8Array}} picture
 * @property {import('../paint/render.js').View | null} view  the part of the picture that the network saw; null: all of it
 * @property {UsedPreprocess} preprocess
 * @property {Prediction[]} predictions
 * @property {{class: {id: number, name: string}, score: number, probability: number | null,
 *   delta: number, data: Float32Array, terms: {channels: number, data: Float32Array} | null}[]} maps
 *   data: before ReLU
 * @property {number} width                 of the maps
 * @property {number} height
 * @property {string} layer
 * @property {string} method
 * @property {{decode: number, forward: number, backward: number}} timings    ms
 * @property {Warning[]} warnings
 *
 * @typedef {Omit<ExplainArgs, 'classes' | 'method' | 'score' | 'top'> & {class?: number | string,
 *   change?: {channel: number, add: number, at?: [number, number]}}} StepsArgs   at: row and column
 *
 * @typedef {object} StepsValue
 * @property {ExplainValue} explanation     Grad-CAM of the logit: one map; predictions of every class
 * @property {LayerInfo} layer
 * @property {Float32Array} activations     A^k: channel by channel, each height x width of the layer
 * @property {Float32Array | null} gradients  dy^c/dA^k, as large; null where the file holds no logits
 * @property {Float32Array} weights         alpha_k, one per channel
 *
 * @typedef {Pick<ExplainArgs, 'picture' | 'layer' | 'preprocess' | 'resize' | 'fit'> &
 *   {channel?: number, at: [number, number]}} TraceArgs   at: row and column
 *
 * @typedef {object} Trace
 * @property {LayerInfo} layer
 * @property {number} value                 the activation; without a channel: the sum of all channels there
 * @property {number} width                 of the input, as of input and gradient
 * @property {number} height
 * @property {number} channels
 * @property {Float32Array} input           what the network was fed, channel by channel, each height x width
 * @property {Float32Array} gradient        d value / d input, as large
 *
 * @typedef {object} Warning
 * @property {string} name   for programs: 'unfamiliar', 'no-evidence', 'zero-gradient', 'saturated-softmax', ...
 * @property {string} text   for people
 * @property {string} [remedy]  the setting that mends it: tools.withRemedy has the words for each place
 *
 * @typedef {object} PaintArgs
 * @property {Pixels} picture
 * @property {{width: number, height: number, data: Float32Array}} map          0..1
 * @property {import('../paint/render.js').Style} style
 * @property {import('../paint/render.js').View | null} view  the part of the picture that the map lies on
 *
 * @typedef {object} GridArgs
 * @property {Pixels} picture
 * @property {string} title                 of the picture itself
 * @property {{map: PaintArgs['map'], style: PaintArgs['style'], view: PaintArgs['view'], title: string}[]} tiles
 * @property {number} columns
 * @property {number} tileWidth
 */
import { asGradCamError, cancelled, GradCamError } from '../base/errors.js';

/** What can be sent without a copy. Node's Buffers are slices of a shared pool: never transferred. */
export class Transfer {
  /**
   * @param {any} value
   * @param {ArrayBuffer[]} buffers
   */
  constructor(value, buffers) {
    this.value = value;
    this.buffers = buffers;
  }
}

/**
 * The page's end.
 *
 * @typedef {object} Port  a Worker of the browser or of Node, made alike by page-browser.js and page-node.js
 * @property {(message: any, transfer?: any[]) => void} post
 * @property {(listener: (message: any) => void) => void} onMessage
 * @property {(listener: (error: unknown) => void) => void} onError  the worker is dead
 * @property {(busy: boolean) => void} busy    whether the process must wait for it
 * @property {() => void} close
 */
export class Connection {
  #port;
  #next = 1;
  #open = new Map();
  #dead = null;

  /** @param {Port} port */
  constructor(port) {
    this.#port = port;
    port.busy(false);
    port.onMessage((message) => this.#receive(message));
    port.onError((error) => this.#fail(error));
  }

  /**
   * @param {keyof Requests} request
   * @param {any} args
   * @param {{signal?: AbortSignal, onProgress?: (progress: Progress) => void, transfer?: any[]}}
   *   [options]
   * @returns {Promise<any>}
   */
  ask(request, args, { signal, onProgress, transfer } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#dead) throw this.#dead;
      if (signal?.aborted) throw cancelled(signal.reason);
      const id = this.#next++;
      const settle = (finish) => (value) => {
        this.#open.delete(id);
        signal?.removeEventListener('abort', abort);
        this.#port.busy(this.#open.size > 0);
        finish(value);
      };
      const entry = { resolve: settle(resolve), reject: settle(reject), onProgress };
      // The caller is free at once; the worker stops at its next step.
      const abort = () => {
        this.#port.post({ cancel: id });
        entry.reject(cancelled(signal.reason));
      };
      this.#port.post({ id, request, args }, transfer);
      this.#open.set(id, entry);
      this.#port.busy(true);
      signal?.addEventListener('abort', abort);
    });
  }

  #receive(message) {
    const entry = this.#open.get(message.id);
    if (!entry) return; // cancelled meanwhile
    if (message.progress) entry.onProgress?.(message.progress);
    else if (message.error) entry.reject(new GradCamError(message.error.code, message.error.message, message.error));
    else entry.resolve(message.value);
  }

  #fail(error) {
    this.#dead ??= error instanceof GradCamError ? error
      : new GradCamError('internal', `The worker stopped: ${error?.message ?? error}`,
        { cause: error });
    for (const entry of [...this.#open.values()]) entry.reject(this.#dead);
    this.#port.close();
  }

  /** Ends the worker, and with it everything it holds. */
  close() {
    this.#fail(new GradCamError('state', 'This GradCam has been disposed of; load a new one.'));
  }
}

/**
 * The worker's end: answers requests one at a time, in the order they came.
 *
 * @param {{post: (message: any, transfer?: any[]) => void,
 *          onMessage: (listener: (message: any) => void) => void}} port
 * @param {Record<string, (args: any, context: {signal: AbortSignal,
 *          onProgress: (progress: Progress) => void}) => any>} handlers
 */
export function serve(port, handlers) {
  const running = new Map();
  let last = Promise.resolve();

  async function answer({ id, request, args }, signal) {
    try {
      if (signal.aborted) throw cancelled(signal.reason);
      const onProgress = (progress) => port.post({ id, progress });
      const result = await handlers[request](args, { signal, onProgress });
      if (result instanceof Transfer) port.post({ id, value: result.value }, result.buffers);
      else port.post({ id, value: result });
    } catch (error) {
      const { code, reason: message, remedy, refused } = asGradCamError(error);
      port.post({ id, error: { code, message, remedy, refused } });
    } finally {
      running.delete(id);
    }
  }

  port.onMessage((message) => {
    if (message.cancel) {
      running.get(message.cancel)?.abort();
    } else if (message.request) {
      const controller = new AbortController();
      running.set(message.id, controller);
      last = last.then(() => answer(message, controller.signal));
    }
  });
}
