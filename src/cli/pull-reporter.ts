/** Who shows the events of pulls: JSON for programs, lines for logs, a display for people at a terminal. */
import type { OnPullEvent } from '../pull/pull-event.js';
import { lineReporter } from './pull-lines.js';

export interface PullReporter {
  onEvent: OnPullEvent;
  /** The pulls have ended, well or not: whatever was drawn is left in its last state. */
  end(): void;
}

export interface ReporterOptions {
  json: boolean;
  quiet: boolean;
  /** Tell at the end of each pull where its time went. */
  timings: boolean;
  /** As of lines. */
  allTags: boolean;
  out(text: string): void;
  err(text: string): void;
}

export async function chooseReporter(options: ReporterOptions): Promise<PullReporter> {
  const reporter = await bareReporter(options);
  if (!options.timings) return reporter;
  const { timingsReporter } = await import('./pull-timings.js');
  return timingsReporter(reporter, options.err);
}

async function bareReporter({ json, quiet, allTags, out, err }: ReporterOptions): Promise<PullReporter> {
  if (json) return { onEvent: (event) => out(`${JSON.stringify(event)}\n`), end() {} };
  if (quiet) return { onEvent() {}, end() {} };
  const lines = lineReporter({ write: err, allTags });
  // A terminal that nobody gave a size has 0 columns, in which nothing can be drawn; clearing such a display never ends.
  const isTerminal =
    process.stderr.isTTY && process.stderr.columns > 0 && process.env['TERM'] !== 'dumb' && !process.env['CI'];
  if (!isTerminal) return lines;
  const { terminalReporter } = await import('./pull-terminal.js');
  return terminalReporter(lines);
}
