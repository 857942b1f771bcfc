/** The end of a program. */
import { bindIfLoaded } from './libc.js';

const cExit = bindIfLoaded('void _exit(int)');

/**
 * For the event `exit` of a program: ends the process without what koffi does at the end, which is fsync(2) of standard output and error; and
 * when that fails, to wait for ever. Does nothing where koffi is not loaded, or when Node has something to write at the end.
 */
export function leaveAtOnce(status: number): void {
  if (process.execArgv.length > 0 || process.env['NODE_OPTIONS'] || process.env['NODE_V8_COVERAGE']) return;
  cExit()?.(status);
}
