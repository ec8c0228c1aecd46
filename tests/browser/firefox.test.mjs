/** Firefox does everything that page, lesson and element must do. */
import { launchFirefox, withoutFirefox } from './firefox.mjs';
import { testEverywhere } from './everywhere.mjs';

testEverywhere('Firefox', withoutFirefox, launchFirefox);
