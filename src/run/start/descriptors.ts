/** Descriptors that a stage-2 process inherits: 0 to 2, the report pipe as 3, then whatever is added. */
export interface Descriptors {
  /** Passes a descriptor of this process on and returns its number there. */
  add(fd: number): number;
  /** In order of their numbers there, from 3 on. */
  readonly list: readonly number[];
}

const FIRST = 3;

export function descriptors(report: number): Descriptors {
  const list = [report];
  return {
    list,
    add(fd) {
      list.push(fd);
      return FIRST + list.length - 1;
    },
  };
}
