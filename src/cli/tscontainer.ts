/** `tscontainer`: the life cycle of containers. */
import { type CliContext, runProgram } from './main.js';

const words = process.argv.slice(2);
/** Where the command's name is. */
const at = words[0] === '--root' ? 2 : words[0]?.startsWith('--root=') ? 1 : 0;
const name = words[at] ?? '';
/** Those whose flags end at the first word that is none. */
const apart: Record<string, () => Promise<(args: readonly string[], context: CliContext) => Promise<number>>> = {
  create: async () => (await import('./container-create.js')).createCommand,
  exec: async () => (await import('./container-exec.js')).execCommand,
};

void runProgram(
  'tscontainer',
  async (context) => {
    const load = apart[name];
    if (load !== undefined) {
      const command = await load();
      return await command([...context.args.slice(0, at), ...context.args.slice(at + 1)], context);
    }
    const { containerProgram } = await import('./container-commands.js');
    return await containerProgram(context);
  },
  // The first two hand signals on to the container; what exec started goes on without it.
  { keepsSignals: ['attach', 'start', 'exec'].includes(name), keepsOutputs: name === 'exec' },
);
