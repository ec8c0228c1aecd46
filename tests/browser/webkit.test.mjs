/** WebKit, which stands for Safari and iPads, does everything that page, lesson and element must do. */
import { launchWebKit, withoutWebKit } from './webkit.mjs';
import { testEverywhere } from './everywhere.mjs';

testEverywhere('WebKit', withoutWebKit, launchWebKit);
