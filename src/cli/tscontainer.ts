/** `tscontainer`: the life cycle of containers. This version has the two commands that containers of `tsrun` need. */
import { runProgram } from './main.js';

void runProgram('tscontainer', async (context) => {
  const { containerProgram } = await import('./container-commands.js');
  return containerProgram(context);
});
