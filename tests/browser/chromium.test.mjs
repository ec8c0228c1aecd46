/** Chromium does everything that page, lesson and element must do. */
import { launchChromium, withoutBrowser } from './browser.mjs';
import { testEverywhere } from './everywhere.mjs';

testEverywhere('Chromium', withoutBrowser, launchChromium);
