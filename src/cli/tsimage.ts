import { runProgram } from './main.js';

void runProgram('tsimage', async (context) => {
  const { imageProgram } = await import('./image-commands.js');
  return imageProgram(context);
});
