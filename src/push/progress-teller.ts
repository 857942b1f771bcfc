/** Tells of progress no more often than people can see. */
const INTERVAL_MS = 100;

interface Progress {
  read: number;
  sent: number;
}

/** @param measure is asked for the total when there is something to tell for the first time */
export function progressTeller(
  measure: () => number,
  tell: (progress: Progress & { total: number }) => void,
): (progress: Progress) => void {
  let total: number | undefined;
  let told = Number.NEGATIVE_INFINITY;
  return ({ read, sent }) => {
    const now = performance.now();
    if (now - told < INTERVAL_MS) return;
    told = now;
    total ??= measure();
    tell({ read, sent, total });
  };
}
