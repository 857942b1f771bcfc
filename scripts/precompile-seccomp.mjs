// Writes src/run/seccomp/precompiled.ts from the compiled sources: run it after a change of the profile or the compiler,
// then compile again. A test fails when the file is out of date.
import { writeFileSync } from 'node:fs';
import { seccompFilter } from '../build/src/run/seccomp/filter.js';
import { capabilityNames } from '../build/src/run/spec/capabilities.js';

const DEFAULT_CAPABILITIES = 0xa80425fbn;
const has = (name) => (DEFAULT_CAPABILITIES & (1n << BigInt(capabilityNames.indexOf(name)))) !== 0n;
const entry = (architecture) => {
  const lines = seccompFilter(undefined, architecture, has)
    .toString('base64')
    .match(/.{1,112}/g);
  return `  ${architecture}: \`\n${lines.map((line) => `    ${line}`).join('\n')}\n  \`,\n`;
};
writeFileSync(
  new URL('../src/run/seccomp/precompiled.ts', import.meta.url),
  `import type { Architecture } from '../stage2/code.js';

/** Docker's default policy with its default capabilities, compiled by scripts/precompile-seccomp.mjs; base64. */
export const precompiled: Record<Architecture, string> = {
${entry('x64')}${entry('arm64')}};
`,
);
