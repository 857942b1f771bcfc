import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, test } from 'node:test';
import { addImage, busybox, layerRoot } from '../../support/layer-root.js';
import { missing } from '../../support/needs.js';
import { tsrun } from '../../support/tsrun.js';

const skip = missing('root', 'busybox', 'script');
const root = skip ? '' : layerRoot({ after });
if (!skip) addImage(root, [busybox], {}, 'bb');

/** Runs a shell text on a terminal of its own (script(1)); `$TSRUN` is the program. */
function onTerminal(
  command: string,
  input: readonly string[] = [],
): Promise<{ status: number | null; output: string }> {
  const { stdout } = tsrun(root, [], { shell: 'echo $TSRUN' });
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TSPULL_ROOT: root, TSRUN: stdout.trim() },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let output = '';
  const [...lines] = input;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    // Each line of input waits for a prompt.
    if (output.includes(`ready${input.length - lines.length}`) && lines.length > 0)
      child.stdin.write(lines.shift() ?? '');
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, output })));
}

test('a terminal of its own: name, size, console, TERM', { skip }, async () => {
  const script = 'tty; stty size; test -c /dev/console && echo console; echo $TERM; ls /dev/pts';
  const { status, output } = await onTerminal(`stty rows 33 cols 99; $TSRUN --rm -t bb sh -c '${script}'`);
  assert.equal(status, 0);
  const lines = output.replaceAll('^@', '').split(/[\r\n]+/);
  assert.deepEqual(lines, ['/dev/pts/0', '33 99', 'console', 'xterm', '0     ptmx', '']);
});

test('input, interrupt, exit status, and the mode of the caller afterwards', { skip }, async () => {
  const script =
    'trap "echo caught" INT; echo ready0; read a; echo got $a; echo ready1; sleep 5; echo ready2; read b; exit 9';
  const command = `stty -a | grep -o -- ".\\?icanon"; $TSRUN --rm -it bb sh -c '${script}'; echo status $?; stty -a | grep -o -- ".\\?icanon"`;
  const { output } = await onTerminal(command, ['word\n', '\u0003', 'x\n']);
  assert.match(output, /got word/);
  assert.match(output, /caught/);
  assert.match(output, /status 9/);
  assert.equal(output.match(/ icanon/g)?.length, 2, output);
});

test('the mode of the caller is restored when the container is killed by a signal', { skip }, async () => {
  const { output } = await onTerminal(
    `$TSRUN --rm --init -it bb sh -c 'kill -9 $$'; echo status $?; stty -a | grep -o -- ".\\?icanon"`,
  );
  assert.match(output, /status 137/);
  assert.match(output, / icanon/);
});

test('the caller gets no input from the container (TIOCSTI), and no terminal of the caller is inside', {
  skip,
}, async () => {
  const { output } = await onTerminal(`$TSRUN --rm bb ls -l /proc/self/fd`);
  assert.ok(!/pts|tty/.test(output), output);
});

test('-it needs a terminal, -t alone does not', { skip }, () => {
  const refused = tsrun(root, ['--rm', '-it', 'bb', 'true']);
  assert.deepEqual([refused.status, refused.stderr], [1, 'the input device is not a TTY\n']);
  assert.deepEqual(tsrun(root, ['--rm', '-t', 'bb', 'tty']).stdout, '/dev/pts/0\r\n');
});

test('a megabyte through a terminal', { skip }, () => {
  const { stdout, status } = tsrun(root, ['--rm', '-t', 'bb', 'sh', '-c', 'yes 0123456789 | head -n 100000']);
  assert.deepEqual([status, stdout.length], [0, 1_200_000]);
});
