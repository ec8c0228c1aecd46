/**
 * What page, lesson and element say, in English, by key: a text with {places} for values, or a function
 * of the values where a text cannot say it (one picture, two pictures). A key begins with who says it.
 * Another language is another file with the same keys.
 */

/** @type {Record<string, string | ((values: any) => string)>} */
export const EN = {
  // Numbers, everywhere.
  'percent': ({ share }) => `${(100 * share).toFixed(1)} %`,

  // The page.
  'page.camera.other.failed': 'That camera gives no picture: it may be in use elsewhere. The one before it runs on.',
  'page.link.file': 'The link was made with {file}, a model from a file. Open that file here, and what the link says of it holds again.',
  'page.link.model': 'The link was made with {model}; choose it under Model to fetch it.',
  'page.search.alike': 'No class is called “{text}”. Did you mean one of those below the field?',
  'page.search.several': ({ count, text, most }) => `${count} classes have “${text}” in their name${count > most ? `; the first ${most} stand` : ': they stand'} below the field, choose one.`,

  // The element.

  // The lesson: web/demo/learn and the element's steps.
  'step.place': 'row {row}, column {column}',
  'picture.input': 'What the network gets: {width} × {height} pixels, {order}, μ = {mean}; σ = {std}. The picture had {w} × {h}.',
  'gradients.flat': 'Layer {name}. Each plane has one colour only: behind this layer the network takes the mean of each channel ' +
    'over all positions (global average pooling), so every position counts alike. Choose an earlier layer to see gradients ' +
    'that differ from place to place.',
  'gradients.vary': 'Layer {name}, where the gradients differ from place to place. {share} of them are negative: there, more ' +
    'of what the channel finds would lower the logit.',
  'sum.caption': 'Every activation map, times its weight, is added up: where channels that speak for the class are active, the ' +
    'sum grows. Its likeness to the whole map is the correlation of the two, 1 where they differ in scale alone.',
  'sum.claim': ({ count, of, share, likeness }) => `The ${count === of ? `sum of all ${of}` : `first ${count} of ${of}`} channels ` +
    `${count === 1 && of > 1 ? 'gives' : count === of ? 'gives' : 'give'} ${share} of the whole map’s maximum, likeness ${likeness}.`,
  'sum.claimEmpty': 'The sum of {count} of {of} channels. The whole map is nowhere above 0: this layer holds no evidence for the class. Likeness {likeness}.',
  'relu.caption': 'ReLU sets negative values to zero: what speaks against the class is left out.',
  'relu.cut': '{below} of {of} places were below 0 and are 0 now. Switch ReLU off to see them, in blue.',
  'relu.shown': '{below} of {of} places are below 0, in blue: what is seen there speaks against the class.',
  'relu.nothing': 'None of the {of} places is below 0: for this class and picture ReLU changes nothing.',
  'overlay.caption': 'Divided by its largest value, the map runs from 0 to 1 and can be coloured. The box encloses the largest ' +
    'part above 15 % of that, as the paper’s localisation does.',
  'overlay.claim': 'The warmest colour here means {largest}, the largest value of the map of {name}. Another class or picture has ' +
    'another largest value and the same warmest colour: colours of two maps cannot be compared.',
  'overlay.empty': 'The map of {name} is nowhere above 0: there is nothing to colour.',
  'softmax.caption': 'The slider multiplies all logits by s: the best class comes nearer to p = 1, all others to 0. Softmax is flat ' +
    'at both ends, so the gradient of p goes to 0 while that of the logit stays. What that does to the maps in 32-bit ' +
    'numbers, and from where on, stands below them.',
  'softmax.start': 'With s = 1 the probability’s gradient holds its own class with the factor {first}. Move the slider.',
  'softmax.holds': 'With s = {s} the probability’s map still holds its own class, with the factor {factor} in place of {first}.',
  'softmax.saturated': 'Saturated: 1 − p has rounded to 0. What is left in the 32-bit map is the other classes alone, turned around.',
  'softmax.lost': 'p of {name} has rounded to 0, since another class is the best, and every factor with it: divided by its maximum, the map is 0/0.',
  'softmax.empty': 'Fully saturated: every factor has underflowed to 0. Divided by its maximum, the map is 0/0.',
  'occlude.caption': 'Paint over what the heatmap marks: if the network really used it, the probability falls. Then paint over ' +
    'something cold. The colours keep the scale of the uncovered picture. With the keyboard: arrow keys move the brush, the space bar covers.',
  'occlude.hottest': 'largest value of the map',
  'occlude.of': '{now}, was {before}',
  'occlude.fell': 'With a part covered, {name} has {now}; it had {before}. The network used what is hidden.',
  'occlude.rose': 'With a part covered, {name} has {now}; it had {before}. What is hidden spoke against it.',
  'occlude.same': 'With a part covered, {name} has {now}; it had {before}. The network did not need what is hidden.',
  'occlude.nothing': 'Nothing is covered yet.',
  'sanity.caption': 'The slider gives more and more layers random weights, beginning at the output. A map that shows what the ' +
    'network has learned must change with it: if it looked the same without the knowledge, it could not be showing that ' +
    'knowledge. ρ is the correlation of the two maps before ReLU: 1 is the same, 0 unrelated. Compare the methods.',
  'sanity.trained': 'Nothing is randomised yet.',
  'sanity.claim': ({ count, all, rho, text, p, chance, name, method }) => [
    count === all ? `All ${all} layers are random now: this network has learned nothing.`
      : `With ${count} ${count === 1 ? 'layer' : 'layers'} randomised the network has forgotten its answer.`,
    `The maps correlate by ${text}: ${Math.abs(rho) < 0.3 ? `${method} hardly resembles what it was, so it did show what the network had learned`
      : rho < 0.7 ? `${method} keeps a part of what it was; that part does not come from what was learned in the randomised layers`
        : `${method} hardly noticed, so it does not show what the randomised layers had learned`}.`,
    `${name} has ${p} (guessing among all classes would give ${chance}).`].join(' '),
  'bugs.raw': 'The wrong one skipped the preprocessing: raw values from 0 to 255 where the network expects them shifted and ' +
    'scaled. It still gives a map: nothing warns you.',
  'bugs.rawSays': 'Fed so, this network takes the picture for “{name}”, {p}.',
  'bugs.yes': 'Yes.',
  'bugs.no': 'No, the other one.',
  'knob.caption': 'Take one channel, and make it find more, or less, at one place than it did. What comes after it runs again. The ' +
    'logit follows the solid curve; the dashed line is its slope where the knob stands. That slope is the gradient.',
  'knob.photo': 'The photo with the chosen channel over it. Arrow keys or a click choose the place to turn.',
  'knob.map': 'The heatmap as it is now',
  'knob.which': 'Channel, largest contribution first',
  'knob.channel': 'Channel',
  'knob.everywhere': 'at all places',
  'knob.turn': 'Knob: what is added to the activation',
  'knob.turned': '{delta} added',
  'knob.add': 'Knob',
  'knob.reset': 'Back to 0',
  'knob.logit': 'The logit (the line: before)',
  'knob.plot': 'The logit against what the knob adds, with its slope',
  'knob.axis': 'what the knob adds, δ',
  'knob.contributions': 'Channels that contribute most, over the photo',
  'knob.excites': 'What excites this channel',
  'knob.search': 'Look through all samples',
  'knob.searching': 'Looked through {done} of {of} samples …',
  'knob.unsearched': 'The network can be asked where this channel is strongest in {count} pictures.',
  'knob.tile': 'Channel {k} over the photo',
  'knob.patch': 'Where the channel is strongest in {name}: {value}',
  'knob.strongest': 'Channel {k} in {count} samples: strongest in “{name}”, {value}. The network was never told what to look for; a few pictures show only what it answers to among these.',
  'knob.silent': 'Channel {k} is 0 everywhere in all {count} samples.',
  'knob.over': 'is {value} at {place}',
  'knob.all': 'the marked place, turned at all places',
  'knob.mapNow': 'Map of {name}, largest value {most}, was {before}',
  'knob.before': 'logit before',
  'knob.now': 'logit now',
  'knob.slope': 'slope here = gradient',
  'knob.probability': 'probability now',
  'knob.rank': 'k = {k}, number {rank} of {of}',
  'knob.rest': 'The gradient is {slope}: so much would the logit change per 1 that is added. Turn the knob.',
  'knob.did': 'Adding {delta} changed the logit by {change}. The gradient at 0, {slope}, had foretold {told}.',
  'knob.straight': 'The curve is a straight line, so the gradient is right for every turn of the knob: nothing behind this layer bends it.',
  'knob.bends': 'The curve bends: layers behind this one switch on or off on the way, and the gradient is right for small turns only.',
  'trace.caption': 'Move over the picture, or use the arrow keys. Each cell of a layer sees a part of the picture, its receptive field, ' +
    'in the frame. In the first layer its value can be worked out by hand: each number of the patch times a weight, all added up.',
  'trace.where': 'Layer',
  'trace.layer': '{name}, {width} × {height}',
  'trace.which': 'Channel of the first layer',
  'trace.photo': 'What the network was fed, with the receptive field of a cell. Arrow keys move the cell.',
  'trace.close': 'What the cell sees, enlarged',
  'trace.all': 'all {count}',
  'trace.cell': 'cell',
  'trace.of': 'of so many, w × h',
  'trace.sees': 'sees',
  'trace.size': '{width} × {height} pixels',
  'trace.nothing': 'nothing',
  'trace.share': 'share of the input',
  'trace.far': 'A cell of {name} sees at most {width} × {height} of the {total} × {total} pixels here, by many sums like that of the first layer, each of the one before.',
  'trace.dead': 'Nothing of the picture reaches this cell: the layers before it are 0 there.',
  'trace.grey': 'Grey',
  'trace.table': '{name}: {sum}',
  'trace.sum': 'The sum of {count} products: {parts} = {products}. The bias adds {bias}: the activation is {value}.',
};
