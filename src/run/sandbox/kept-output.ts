import type { Sink } from './measured-streams.js';

/** Output that is kept in memory; whoever uses it limits it. */
export function keptOutput(): { sink: Sink; text: (encoding?: BufferEncoding) => string } {
  const chunks: Buffer[] = [];
  return {
    sink(chunk) {
      chunks.push(chunk);
      return undefined;
    },
    text: (encoding = 'utf8') => Buffer.concat(chunks).toString(encoding),
  };
}
