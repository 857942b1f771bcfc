/** Performs the statements of a template. */
import { compareBytes } from '../../store/oci/go-json.js';
import { evaluatePipeline } from './evaluate.js';
import type { Execution } from './execution.js';
import { formatValue } from './go-print.js';
import { type Pipeline, pipelineText, type Statement } from './nodes.js';
import { type GoValue, isKind, isTrue } from './values.js';

/** How a list of statements ended: `break` and `continue` travel up to their range. */
type Outcome = 'done' | 'break' | 'continue';

export function executeAll(run: Execution, dot: GoValue, statements: readonly Statement[]): Outcome {
  const mark = run.enter();
  try {
    for (const statement of statements) {
      const outcome = execute(run, dot, statement);
      if (outcome !== 'done') return outcome;
    }
    return 'done';
  } finally {
    run.leave(mark);
  }
}

function execute(run: Execution, dot: GoValue, statement: Statement): Outcome {
  run.step();
  switch (statement.kind) {
    case 'text':
      run.write(statement.text);
      return 'done';
    case 'action': {
      const value = evaluatePipeline(run, dot, statement.pipeline);
      if (statement.pipeline.variables.length === 0) run.write(value === null ? '<no value>' : formatValue(value));
      return 'done';
    }
    case 'break':
    case 'continue':
      return statement.kind;
    case 'range':
      return executeRange(run, dot, statement);
    default:
      return executeChoice(run, dot, statement);
  }
}

type Control = Extract<Statement, { pipeline: Pipeline; body: Statement[] }>;

function executeChoice(run: Execution, dot: GoValue, { kind, pipeline, body, otherwise }: Control): Outcome {
  const mark = run.enter();
  const value = evaluatePipeline(run, dot, pipeline);
  const outcome = isTrue(value)
    ? executeAll(run, kind === 'with' ? value : dot, body)
    : executeAll(run, dot, otherwise);
  run.leave(mark);
  return outcome;
}

function executeRange(run: Execution, dot: GoValue, { pipeline, body, otherwise }: Control): Outcome {
  const mark = run.enter();
  const value = evaluatePipeline(run, dot, pipeline, true);
  let empty = true;
  for (const [key, element] of elementsOf(run, value)) {
    empty = false;
    run.step();
    setLoopVariables(run, pipeline, key, element);
    const outcome = executeAll(run, element, body);
    run.leave(mark);
    if (outcome === 'break') break;
  }
  return empty ? executeAll(run, dot, otherwise) : 'done';
}

/** One variable takes the element, or the number when a number is ranged over; two take key and element. */
function setLoopVariables(run: Execution, pipeline: Pipeline, key: GoValue, element: GoValue): void {
  const values = pipeline.variables.length === 2 ? [key, element] : [element];
  run.at(pipeline.position, () => pipelineText(pipeline));
  for (const [index, name] of pipeline.variables.entries()) {
    const value = values[index] ?? null;
    if (pipeline.assigns) run.assign(name, value);
    else run.declare(name, value);
  }
}

function* elementsOf(run: Execution, value: GoValue): Generator<[key: GoValue, element: GoValue]> {
  if (value === null) return;
  if (isKind(value, 'slice')) {
    for (const [index, item] of (value.items ?? []).entries()) yield [BigInt(index), item];
    return;
  }
  if (isKind(value, 'map')) {
    for (const entry of [...(value.entries ?? [])].sort(([a], [b]) => compareBytes(a, b))) yield entry;
    return;
  }
  if (typeof value !== 'bigint') throw run.error(`range can't iterate over ${formatValue(value)}`);
  for (let index = 0n; index < value; index++) yield [index, index];
}
