import { sayUpToDate } from './up-to-date.js';

void sayUpToDate(process.argv.slice(2)).then(async (isSaid) => {
  if (!isSaid) await import('./pull-program.js');
  // There may be a connection that nobody needs any more.
  else process.exit();
});
