/** Lists, documents and histories with their filters and formats. */
import type { Case } from './both.js';

const ls = (...formats: string[]): Case[] =>
  formats.map((format) => ({ line: `ls --format '${format}'`, like: 'unordered' }));
const filtered = (...filters: string[]): Case[] =>
  filters.map((filter) => ({ line: `ls ${filter} --format '{{.Repository}}:{{.Tag}}'`, like: 'unordered' }));
const inspect = (...formats: string[]): Case[] => formats.map((format) => `inspect -f '${format}' rich:1`);
const history = (...formats: string[]): Case[] => formats.map((format) => `history --format '${format}' rich:1`);

export const listing: Case[] = [
  ...ls(
    '{{.Containers}}|{{.SharedSize}}|{{.UniqueSize}}|{{.VirtualSize}}',
    '{{json .ID}} {{json .Size}}',
    '{{len .Repository}}',
    '{{printf "%-20s|%5s" .Repository .Tag}}',
    '{{if eq .Tag "1"}}first{{else}}{{.Tag}}{{end}}',
    '{{upper .Repository}} {{lower .Tag}} {{title .Tag}}',
    '{{join (split .Repository "/") "+"}}',
    '{{pad .Tag 2 3}}|{{truncate .ID 4}}',
    '{{with .Repository}}{{.}}{{end}}',
    '{{.Repository | printf "%q"}}',
    'table {{.ID}}',
    'table {{.Repository}}\\t{{.Tag}}\\t{{.CreatedAt}}',
    '{{.Tag}}{{"\\t"}}{{.Digest}}',
    '{{',
    '{{end}}',
    '{{.Repository.Name}}',
    '{{nosuch .Tag}}',
    '',
  ),
  ...filtered(
    '--filter dangling=T',
    '--filter dangling=',
    '--filter label=',
    '--filter label=kind=two',
    '--filter label=kind --filter label=more',
    '--filter before=three:nosuch',
    '--filter before=rich:1 --filter before=one:1',
    '--filter since=rich:2',
    "--filter reference='one:*'",
    '--filter reference=*/*/*:*',
    '--filter reference=rich',
    '--filter reference=rich:1 --filter reference=one',
    '--filter reference=o?e',
    '--filter =x',
    '-f label=kind',
    '--filter DANGLING=true',
  ),
  'ls one:1:2',
  'ls ONE',
  'ls 127.0.0.1:5000/*/*',
  'ls --no-trunc --digests --all --quiet',
  'ls -qa one',
  'ls -z',
];

export const documents: Case[] = [
  ...inspect(
    '{{.Architecture}}/{{.Os}}{{.Variant}} {{.Author}}|{{.Comment}}|{{.DockerVersion}}',
    '{{json .Config.Env}}',
    '{{json .Config.Labels}}',
    '{{range .Config.Env}}[{{.}}]{{end}}',
    '{{range $key, $value := .Config.Labels}}{{$key}}={{$value}};{{end}}',
    '{{index .Config.Env 0}}',
    '{{index .Config.Labels "kind"}}',
    '{{index .Config.Env 99}}',
    '{{json .RootFS.Layers}}',
    '{{len .RootFS.Layers}} {{.RootFS.Type}}',
    '{{slice .Id 0 12}}',
    '{{.Config.Cmd}} {{.Config.Entrypoint}} {{.Config.WorkingDir}}',
    '{{json .Config.ExposedPorts}}{{json .Config.Volumes}}',
    '{{json .Config.Healthcheck}}',
    '{{.GraphDriver.Name}}',
    '{{.Created}}',
    '{{println .Id}}',
    '{{html .Comment}}',
    '{{eq .Os "linux"}} {{and .Os .Author}} {{not .Author}}',
    '{{.Nope.Nope}}',
  ),
  "inspect --format '{{.RepoTags}}' one:1 rich:2 deep/er/name:v",
  "inspect --format '{{.Id}}' nosuch one:1",
  "inspect --format '{{.Size}}' rich one:1",
  'inspect nosuch',
  'inspect --size one:1',
  ...history(
    '{{.CreatedBy}}',
    '{{json .}}',
    '{{.ID}} {{.Size}} {{.Comment}}',
    'table {{.CreatedBy}}\\t{{.Size}}',
    '{{.CreatedSince}}',
    '{{.Nope}}',
  ),
  'history -qH rich:1',
  'history --no-trunc --quiet deep/er/name:v',
  'history --human=false one:1',
  'history one:1 rich:1',
];
