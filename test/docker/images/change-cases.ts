/** What changes images and their names. */
import type { Case } from './both.js';

const listed: Case = { line: "ls -a --format '{{.Repository}}:{{.Tag}} {{.Size}}'", like: 'unordered' };
const config = (name: string): Case => ({
  line: `inspect -f '{{json .Config}} {{.Comment}} {{.Architecture}} {{.RootFS.Layers}} {{.Size}}' ${name}`,
});

export const importing: Case[] = [
  'import',
  'import SHARED/nosuch',
  'import SHARED/files.tar BAD',
  'import SHARED/files.tar x:y:z',
  'import -c SHARED/files.tar',
  "import -c 'FOO bar' SHARED/files.tar in:0",
  { line: "import -c 'CMD' -c 'ENTRYPOINT' SHARED/files.tar in:0", like: 'new' },
  config('in:0'),
  "import -c 'STOPSIGNAL SIGINT' SHARED/files.tar in:0",
  { line: 'import SHARED/files.tar', like: 'new' },
  { line: 'import SHARED/files.tar in:1', like: 'new' },
  config('in:1'),
  { line: "import -m 'a message' SHARED/files.tar.gz in:2", like: 'new' },
  config('in:2'),
  { line: 'import - in:3', input: 'files.tar', like: 'new' },
  config('in:3'),
  {
    line: `import -c 'CMD ["a","b"]' -c 'ENTRYPOINT /bin/x y' -c 'ENV A=1 B="two words"' -c 'EXPOSE 80 53/udp' SHARED/files.tar in:4`,
    like: 'new',
  },
  config('in:4'),
  {
    line: "import -c 'LABEL a=b c=d' -c 'USER u:g' -c 'WORKDIR /w' -c 'VOLUME /v' -c 'ONBUILD RUN x' SHARED/files.tar in:5",
    like: 'new',
  },
  config('in:5'),
  { line: "import --change 'WORKDIR /a' --change 'WORKDIR b' --message m SHARED/files.tar in:6", like: 'new' },
  config('in:6'),
  { line: 'import SHARED/files.tar HOST/in/side', like: 'new' },
  config('HOST/in/side'),
  { line: "history --format '{{.CreatedBy}}|{{.Comment}}|{{.Size}}' in:2" },
  listed,
];

export const naming: Case[] = [
  'tag',
  'tag one:1',
  'tag one:1 one:2',
  'tag one:2 other/name',
  'tag one:1 BAD',
  'tag nosuch other',
  'tag one:1 x@sha256:abc',
  'tag deep/er/name:v docker.io/library/short:1',
  'rm one:2 nosuch',
  'rm short:1',
  'rm -f nosuch',
  'rm --force other/name',
  'rmi',
  { line: 'remove in:6', like: 'new' },
  listed,
];

export const pruning: Case[] = [
  'prune -f --filter label=nosuch',
  'prune -f --filter nosuch=x',
  'prune -f x',
  'prune --bogus',
  { line: 'prune', input: 'no' },
  { line: 'prune -f', like: 'status' },
  { line: 'prune -af --filter label=kind', like: 'new' },
  { line: 'prune -a --force --filter label!=kind=two --filter until=2022-01-01', like: 'new' },
  listed,
];

export const pushing: Case[] = [
  'push',
  'push a b',
  'push nosuch:1',
  'push nosuch',
  'push BAD',
  'push HOST/nosuch',
  'push -a HOST/nosuch',
  'push -a HOST/app:1',
  `push HOST/app@sha256:${'1'.repeat(64)}`,
  'push --bogus HOST/app:1',
  'tag rich:1 HOST/SIDE/app:1',
  'tag one:1 HOST/SIDE/app:2',
  'tag rich:1 HOST/SIDE/again:1',
  { line: 'push HOST/SIDE/app:1', like: 'new' },
  { line: 'push HOST/SIDE/app:1', like: 'new' },
  { line: 'push HOST/SIDE/app:3', like: 'new' },
  { line: 'push HOST/SIDE/app', like: 'new' },
  { line: 'push HOST/SIDE/again:1', like: 'new' },
  { line: 'push -q HOST/SIDE/again:1' },
  { line: 'push -a HOST/SIDE/app', like: 'new' },
  { line: 'push --quiet --all-tags HOST/SIDE/app' },
  { line: 'push --disable-content-trust HOST/SIDE/app:2', like: 'new' },
  {
    line: "ls --digests --format '{{.Repository}}:{{.Tag}} {{len .Digest}}' --filter reference=HOST/*/*",
    like: 'unordered',
  },
];
