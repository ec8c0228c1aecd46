/** Takes a core for itself, until it is killed or nobody is left who would. */
process.send('running');
const parent = process.ppid;
for (;;) {
  const until = performance.now() + 50;
  while (performance.now() < until);
  if (process.ppid !== parent) process.exit();
}
