/** `tscontainer`: the life cycle of containers. */
import { type CliContext, runProgram } from './main.js';

const words = process.argv.slice(2);
// The first two hand signals on to the container; what exec started goes on without it.
const keepsSignals = ['attach', 'start', 'exec'].some((word) => words.includes(word));
/** Those whose flags end at the first word that is none. */
const apart: Record<string, () => Promise<(args: readonly string[], context: CliContext) => Promise<number>>> = {
  create: async () => (await import('./container-create.js')).createCommand,
  exec: async () => (await import('./container-exec.js')).execCommand,
};

void runProgram(
  'tscontainer',
  async (context) => {
    const at = context.args[0] === '--root' ? 2 : 0;
    const load = apart[context.args[at] ?? ''];
    if (load !== undefined) {
      const command = await load();
      return await command([...context.args.slice(0, at), ...context.args.slice(at + 1)], context);
    }
    const { containerProgram } = await import('./container-commands.js');
    return await containerProgram(context);
  },
  { keepsSignals },
);
