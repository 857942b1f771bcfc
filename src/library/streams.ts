/** Streams of Node in front of what takes and gives bytes by calls. */
import { PassThrough, type Readable, Writable } from 'node:stream';
import { KnownError } from '../../store/errors.js';

/** Settles when the stream has room for more. The chunk's memory is its owner's again after this call. */
export function writeTo(stream: PassThrough, chunk: Buffer): Promise<void> {
  if (stream.destroyed || stream.write(Buffer.from(chunk))) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('drain', () => resolve());
    stream.once('close', () => resolve());
  });
}

/** @param take a promise makes whoever writes wait */
export function inputStream(take: (chunk: Buffer) => Promise<void>, end: () => void): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => void take(chunk).then(() => done(), done),
    final(done) {
      end();
      done();
    },
  });
}

/** What `work` gives to its sink, as it is read; destroying the stream ends the work. */
export function readableOf(
  work: (sink: (bytes: Buffer) => Promise<void>) => Promise<void>,
  signal?: AbortSignal,
): Readable {
  const stream = new PassThrough(signal && { signal });
  const sink = async (bytes: Buffer): Promise<void> => {
    await writeTo(stream, bytes);
    if (stream.destroyed) throw new KnownError('E_CANCELLED', 'nobody reads the archive any more');
  };
  work(sink).then(
    () => stream.end(),
    (error: Error) => stream.destroy(error),
  );
  return stream;
}
