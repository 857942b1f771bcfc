import { runProgram } from './main.js';

void runProgram('tspull', async (context) => {
  const { pullProgram } = await import('./pull-command.js');
  return pullProgram(context);
});
