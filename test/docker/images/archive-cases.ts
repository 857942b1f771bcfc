/** Archives: what is loaded and saved, and what cannot be. */
import type { Case } from './both.js';

const listed: Case = {
  line: "ls -a --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}'",
  like: 'unordered',
};

export const loading: Case[] = [
  'ls',
  'ls -q',
  'prune -f',
  'load a b',
  'load --bogus',
  'load -i',
  'load -q -i SHARED/images.tar',
  listed,
  'load -i SHARED/images.tar',
  { line: 'load', input: 'images.tar' },
  { line: 'load -q', input: 'images.tar.gz' },
  'load --input=SHARED/images.tar.gz --quiet=true',
  'load --input SHARED/images.tar --quiet=false',
  listed,
];

export const saving: Case[] = [
  'save',
  'save one:1 -o',
  'save -o FOLDER/one.tar one:1',
  'save --output=FOLDER/lib.tar 127.0.0.1:5000/lib/three',
  'save -o FOLDER/several.tar one rich:1 rich:2 deep/er/name:v',
  { line: 'save rich:1', like: 'status' },
  'rm -f deep/er/name:v',
  'load -i OTHER/several.tar',
  'load -q -i OTHER/one.tar',
  'load -i OTHER/lib.tar',
  'tag rich:1 moved:1',
  'save -o FOLDER/moved.tar moved:1',
  'tag one:1 moved:1',
  'load -i OTHER/moved.tar',
  listed,
];
