/** `tscontainer`: the life cycle of containers. */
import { type CliContext, runProgram } from './main.js';
import { writeAtOnce } from './write-at-once.js';

const words = process.argv.slice(2);
/** Where the command's name is. */
const at = words[0] === '--root' ? 2 : words[0]?.startsWith('--root=') ? 1 : 0;
const name = words[at] ?? '';
type Command = (args: readonly string[], context: CliContext) => Promise<number | undefined>;
/** Those whose flags end at the first word that is none. */
const apart: Record<string, () => Promise<Command>> = {
  create: async () => (await import('./container-create.js')).createCommand,
  exec: async () => (await import('./container-exec.js')).execCommand,
};
const isListing = ['ps', 'ls', 'list'].includes(name);

void runProgram(
  'tscontainer',
  async (context) => {
    const load = apart[name];
    if (load !== undefined) {
      const command = await load();
      return await command([...context.args.slice(0, at), ...context.args.slice(at + 1)], context);
    }
    if (isListing && (await listPlainly())) return undefined;
    const { containerProgram } = await import('./container-commands.js');
    return await containerProgram(context);
  },
  // The first two hand signals on to the container; what exec started goes on without it.
  {
    keepsSignals: ['attach', 'start', 'exec'].includes(name) || isListing,
    keepsOutputs: name === 'exec' || isListing,
  },
);

async function listPlainly(): Promise<boolean> {
  const { plainListing } = await import('./plain-listing.js');
  const root = at === 2 ? words[1] : words[0]?.slice('--root='.length);
  const text = plainListing(at === 0 ? undefined : root, words.slice(at));
  if (text === undefined) return false;
  writeAtOnce(1, text);
  return true;
}
