import { bindIfThere } from './libc.js';

const cMallocTrim = bindIfThere('int malloc_trim(size_t)');

/** Gives free memory of the C library's heap back to the kernel, where that library can (glibc: malloc_trim(3)). */
export function trimHeap(): void {
  cMallocTrim(0);
}
