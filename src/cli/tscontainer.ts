/** `tscontainer`: the life cycle of containers. */
import { runProgram } from './main.js';

const words = process.argv.slice(2);
// Both hand signals on to the container.
const keepsSignals = words.includes('attach') || words.includes('start');

void runProgram(
  'tscontainer',
  async (context) => {
    const at = context.args.indexOf('create');
    if (at === 0 || (at === 2 && context.args[0] === '--root')) {
      const { createCommand } = await import('./container-create.js');
      return await createCommand([...context.args.slice(0, at), ...context.args.slice(at + 1)], context);
    }
    const { containerProgram } = await import('./container-commands.js');
    return await containerProgram(context);
  },
  { keepsSignals },
);
