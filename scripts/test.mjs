// Runs the compiled tests: all of them, or those whose path contains one of the arguments.
//
// Files that fail are run once more, alone: daemons, virtual machines and two tests at a time share the processors, and a test of
// time that failed beside others says nothing yet. What failed at first is named in any case; what fails alone has failed.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';

const isLongForm = process.env.TSPULL_TEST_LONG === '1';
/** A file that takes longer is ended and has failed; milliseconds. The longest takes two minutes on two processors, a long form half an hour. */
const fileLimit = (isLongForm ? 90 : 10) * 60_000;
/** What is left of a run after this time is ended, and the run has failed; the long forms take an hour. */
const runLimit = (isLongForm ? 240 : 40) * 60_000;

const wanted = process.argv.slice(2);
const files = readdirSync('build/test', { recursive: true })
  .filter((name) => name.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => name.includes(part))))
  .map((name) => join('build/test', name))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ')}`);
  process.exit(1);
}
// Many tests start the programs, and with this variable every start of Node reads a file of certificates: 40 ms each.
delete process.env.NODE_EXTRA_CA_CERTS;
// Mirrors that this machine has configured are none of the tests' business; those that are about them make their own.
process.env.TSPULL_CONFIG_DIR = '/nonexistent';
delete process.env.CONTAINERS_REGISTRIES_CONF;

const began = Date.now();
let { failed, ended } = await runFiles(files, 2);
if (ended && failed.length > 0 && failed.length < 20 && files.length > 1) {
  console.log(`\nfailed beside others, and run once more, alone:\n${failed.map((file) => `  ${file}\n`).join('')}`);
  ({ failed, ended } = await runFiles(failed, 1));
}
process.exit(ended && failed.length === 0 ? 0 : 1);

/**
 * Runs `paths`, so many at a time. Returns those that failed, and whether the runner came to its end.
 *
 * It has come to its end when it has reported everything: a process that a test left behind may hold its pipes open for ever.
 */
function runFiles(paths, atATime) {
  const limit = `--test-timeout=${fileLimit}`;
  const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout'];
  const outcome = ['--test-reporter=./scripts/outcome-reporter.cjs', '--test-reporter-destination=stderr'];
  // The spec reporter ends with the summary, and repeats what failed.
  const options = ['--enable-source-maps', '--test', limit, ...reporters, ...outcome, `--test-concurrency=${atATime}`];
  // In a group of its own, to be ended with what belongs to it.
  const runner = spawn(process.execPath, [...options, ...paths], {
    stdio: ['ignore', 'inherit', 'pipe'],
    detached: true,
  });
  const end = (signal) => {
    try {
      process.kill(-runner.pid, signal);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      end(signal);
      process.exit(1);
    });
  }
  const limitClock = setTimeout(
    () => {
      console.error(`\nthe tests did not end within ${runLimit / 60_000} minutes and are ended now`);
      end('SIGKILL');
    },
    runLimit - (Date.now() - began),
  );
  const failed = new Set();
  let ended = false;
  createInterface({ input: runner.stderr }).on('line', (line) => {
    const [, kind, path] = /^(failed|ended):(.*)$/.exec(line) ?? [];
    if (kind === undefined) console.error(line);
    // Source maps turn the places of tests, though not of what fails outside of them, into those of the sources.
    if (kind === 'failed') failed.add(relative('.', path).replace(/^test\/(.*)\.ts$/, 'build/test/$1.js'));
    if (kind === 'ended') {
      ended = true;
      setTimeout(end, 5_000, 'SIGKILL').unref();
    }
  });
  return new Promise((resolve) => {
    runner.once('exit', () => {
      clearTimeout(limitClock);
      runner.stderr.destroy();
      resolve({ failed: [...failed], ended });
    });
  });
}
