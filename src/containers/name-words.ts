/** Words of generated container names. */
const words = (text: string): readonly string[] => text.trim().split(/\s+/);

export const adjectives = words(`
  agile amber ample azure bold brave brisk bright calm candid clever crisp daring deft eager early fair fond frank fresh
  gentle glad golden happy hardy honest humble jolly keen kind lively loyal lucid merry mild modest neat nimble noble
  patient plain polite proud quick quiet rapid ready serene sharp silent smart snug solid steady still sunny swift tidy
  vivid warm wise witty young
`);

export const nouns = words(`
  acorn anchor aspen badger beacon birch bison breeze brook canyon cedar comet coral crane delta dune eagle ember falcon
  fern finch fjord forest fox garden glacier grove harbor hawk hazel heron island ivy jay juniper kestrel lagoon lark
  laurel lynx maple marten meadow moss oak orchid osprey otter owl panda pebble pine plover poplar quail raven reef river
  robin sparrow spruce stone swan thistle thrush tulip valley willow wren
`);
