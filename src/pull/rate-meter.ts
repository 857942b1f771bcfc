/** How fast a count grows, over the last seconds. */
const WINDOW_MS = 3000;
/** Less than this says nothing. */
const SHORTEST_MS = 200;

export class RateMeter {
  #samples: { ms: number; count: number }[] = [];

  /** @param count so far; when it falls, counting starts again */
  add(ms: number, count: number): void {
    if (count < (this.#samples.at(-1)?.count ?? 0)) this.#samples = [];
    this.#samples.push({ ms, count });
    // One older than the window stays, so that there is something to compare with.
    while ((this.#samples[1]?.ms ?? ms) <= ms - WINDOW_MS) this.#samples.shift();
  }

  /** A second. */
  rate(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.ms - first.ms < SHORTEST_MS) return 0;
    return Math.round(((last.count - first.count) / (last.ms - first.ms)) * 1000);
  }
}
