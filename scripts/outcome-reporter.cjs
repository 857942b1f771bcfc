// A reporter for node:test: a line for each test that failed, with its file, and one at the end.
module.exports = async function* outcome(source) {
  for await (const { type, data } of source) {
    if (type === 'test:fail') yield `failed:${data.file ?? data.name}\n`;
  }
  yield 'ended:\n';
};
