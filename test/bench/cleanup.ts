/** What a test's `t.after` is for a program: steps that undo things, the last one first. */
export interface Cleanup {
  after(step: () => unknown): void;
  run(): Promise<void>;
}

export function openCleanup(): Cleanup {
  const steps: (() => unknown)[] = [];
  return {
    after: (step) => void steps.push(step),
    async run() {
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
    },
  };
}
