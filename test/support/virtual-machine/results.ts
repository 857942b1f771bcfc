/**
 * Results of tests that run in a virtual machine: a reporter of node:test, to be given with `--test-reporter`, and the reader of
 * its lines on the host.
 */
import { inspect } from 'node:util';

export interface TestResult {
  /** The suites around the test, and its own name. */
  name: string;
  passed: boolean;
  durationMs: number;
  /** What went wrong, or why the test did not run. */
  reason?: string;
}

/** The part of node:test's events that is used here. */
interface Event {
  type: string;
  data: {
    name: string;
    nesting: number;
    skip?: string | boolean;
    todo?: string | boolean;
    details: { duration_ms: number; type?: string; error?: Error };
  };
}

// biome-ignore lint/style/noDefaultExport: node:test looks for one
export default async function* reporter(events: AsyncIterable<Event>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') path.splice(data.nesting, path.length, data.name);
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details.type === 'suite') continue;
    const name = [...path.slice(0, data.nesting), data.name].join(': ');
    const reason = data.skip || data.todo ? 'nothing may be skipped here' : explained(data.details.error);
    const passed = type === 'test:pass' && reason === undefined;
    const result: TestResult = { name, passed, durationMs: data.details.duration_ms, ...(reason && { reason }) };
    yield `${JSON.stringify(result)}\n`;
  }
}

function explained(error: Error | undefined): string | undefined {
  return error === undefined ? undefined : inspect(error.cause ?? error);
}

/** A line of {@link reporter}; undefined for what tests printed besides. */
export function readResult(line: string): TestResult | undefined {
  if (!line.startsWith('{"name":')) return undefined;
  return JSON.parse(line) as TestResult;
}
