import { runProgram } from './main.js';

await runProgram('tspull', async (context) => {
  const { pullProgram } = await import('./pull-command.js');
  return pullProgram(context);
});
