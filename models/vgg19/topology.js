/** VGG19 (arXiv:1409.1556): VGG16 with a fourth convolution in the last three blocks. */
import { vgg } from '../vgg16/topology.js';

export const topology = ({ classes = 1000 } = {}) => vgg('vgg19', [2, 2, 4, 4, 4], classes);
