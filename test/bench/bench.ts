/**
 * `npm run bench`: a cold pull and `run --rm IMAGE true`, ours beside the other tools that are installed, from a registry on
 * loopback onto a journaled ext4. Rounds are interleaved: every tool has its turn in each.
 *
 *     npm run bench -- [--size small|base|big|files|layers] [--rounds N] [--runs N] [--folder DIRECTORY]
 *     npm run bench -- --size throttled [--rounds N] [--folder DIRECTORY]
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findProgram } from '../support/needs.js';
import { startDockerRegistry } from '../support/real-registry.js';
import { type Cleanup, openCleanup } from './cleanup.js';
import { comparison, type Row } from './figures.js';
import { journaledFolder } from './journaled-folder.js';
import { type Command, type Measurement, measure } from './measure.js';
import { imageSizes, type PushedImage } from './push-image.js';
import { throttled } from './throttled.js';
import { openTools, prepareBundle, type Tool } from './tools.js';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function bench(cleanup: Cleanup): Promise<void> {
  const { values } = parseArgs({
    options: {
      size: { type: 'string', default: 'base' },
      rounds: { type: 'string', default: '3' },
      runs: { type: 'string', default: '10' },
      folder: { type: 'string', default: '/var/tmp' },
    },
  });
  if (values.size === 'throttled')
    return throttled(cleanup, { folder: values.folder, rounds: Number(values.rounds) }, say);
  const size = imageSizes[values.size];
  if (size === undefined) throw new Error(`--size is one of ${Object.keys(imageSizes).join(', ')}, throttled`);
  const folder = journaledFolder(cleanup, values.folder, size.bytes * 14 + 2e9);
  process.env['TMPDIR'] = folder;
  describeMachine();
  say(`folder: ${folder}`);
  const registry = await startDockerRegistry(cleanup);
  const { layers, files, bytes, compressed } = pushImage([values.size, registry.host, 'bench/image', '1']);
  say(`image: ${layers} layers, ${files} files, ${megabytes(bytes)} (${megabytes(compressed)} compressed)`);
  const tools = await openTools({ cleanup, folder, image: `${registry.host}/bench/image:1` }, say);
  say(`tools: ${tools.map(({ name, version }) => `${name} ${version}`).join(', ')}`);
  say(`\ncold pull, ${values.rounds} rounds, medians`);
  say(comparison(await pullRounds(tools, Number(values.rounds))));
  if (existsSync(join(folder, 'bundle'))) prepareBundle(folder);
  say(`\nrun --rm IMAGE true, ${values.runs} rounds, medians (skopeo+umoci: runc with the unpacked bundle)`);
  say(comparison(await runRounds(tools, Number(values.runs))));
  say(`load average at the end: ${loadavg()[0]?.toFixed(2)}`);
}

function pushImage(args: readonly string[]): PushedImage {
  const program = join(import.meta.dirname, 'push-image.js');
  return JSON.parse(
    execFileSync(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' }),
  );
}

async function pullRounds(tools: readonly Tool[], rounds: number): Promise<Row[]> {
  const rows = tools.map(({ name }) => ({ name, measurements: [] as Measurement[] }));
  for (let round = 0; round < rounds; round++)
    for (const [index, tool] of tools.entries()) {
      if (round > 0) tool.forget();
      // What others left to be written must not be written at this one's expense.
      execFileSync('sync');
      rows[index]?.measurements.push(await measure(tool.pull, tool.daemons));
    }
  return rows;
}

async function runRounds(tools: readonly Tool[], rounds: number): Promise<Row[]> {
  const runners = await runnersOf(tools);
  // The pulls of others have left gigabytes to be written.
  execFileSync('sync');
  const rows = runners.map(({ name }) => ({ name, measurements: [] as Measurement[] }));
  for (let round = 0; round < rounds; round++)
    for (const [index, { run, daemons }] of runners.entries())
      rows[index]?.measurements.push(await measure(run, daemons));
  return rows;
}

/** Those that run the image once; a tool that this machine does not let run is named. */
async function runnersOf(
  tools: readonly Tool[],
): Promise<{ name: string; run: Command; daemons: readonly number[] }[]> {
  const runners: { name: string; run: Command; daemons: readonly number[] }[] = [];
  for (const { name, run, daemons } of tools) {
    if (run === undefined) continue;
    try {
      await measure(run, daemons);
      runners.push({ name, run, daemons });
    } catch (error) {
      if (name === 'tspull' || !(error instanceof Error)) throw error;
      say(`${name} does not run here: ${error.message.trim()}`);
    }
  }
  return runners;
}

function describeMachine(): void {
  const [, system = 'unknown'] = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? [];
  const [processor] = cpus();
  say(`machine: ${cpus().length} x ${processor?.model.trim()}, ${megabytes(totalmem())} of memory`);
  say(`system: ${system}, Linux ${release()}, Node ${process.version}`);
  say(`load average at the start: ${loadavg()[0]?.toFixed(2)}`);
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

const lacking = ['docker-registry', 'mkfs.ext4', 'tar'].filter((program) => findProgram(program) === undefined);
if (process.getuid?.() !== 0) throw new Error('npm run bench needs root');
if (lacking.length > 0) throw new Error(`npm run bench needs ${lacking.join(', ')}`);
// Every start of Node would read the file.
delete process.env['NODE_EXTRA_CA_CERTS'];
const cleanup = openCleanup();
try {
  await bench(cleanup);
} finally {
  await cleanup.run();
}
