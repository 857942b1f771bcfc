/** Values of pipelines, as Go's text/template/exec.go computes them. */
import { FunctionError } from './compare.js';
import type { Execution } from './execution.js';
import { type ParameterType, shortCircuits, type TemplateFunction } from './functions.js';
import { type Command, commandText, type Operand, operandText, type Pipeline, pipelineText } from './nodes.js';
import { findField, type GoValue, isKind, isTrue, typeName } from './values.js';

/** The value handed over by a pipe; undefined where there is none. */
type Piped = GoValue | undefined;

export function evaluatePipeline(run: Execution, dot: GoValue, pipeline: Pipeline, isRange = false): GoValue {
  run.at(pipeline.position, () => pipelineText(pipeline));
  let value: Piped;
  for (const command of pipeline.commands) value = evaluateCommand(run, dot, command, value);
  const result = value ?? null;
  // The variables of a range are set at every turn, from the elements.
  if (isRange) return result;
  for (const name of pipeline.variables) {
    if (pipeline.assigns) run.assign(name, result);
    else run.declare(name, result);
  }
  return result;
}

function evaluateCommand(run: Execution, dot: GoValue, command: Command, piped: Piped): GoValue {
  run.step();
  const [first, ...args] = command.args;
  if (first === undefined) throw run.error('empty command');
  if (first.kind === 'function') return evaluateFunction(run, dot, first.name, { command, first, args, piped });
  const given = args.length > 0 || piped !== undefined;
  if (first.kind === 'field' || first.kind === 'variable' || first.kind === 'chain')
    return evaluateFields(run, dot, first, given);
  if (first.kind !== 'pipeline') run.at(first.position, () => operandText(first));
  if (given) throw run.error(`can't give argument to non-function ${shown(first)}`);
  if (first.kind === 'nil') throw run.error('nil is not a command');
  return evaluateOperand(run, dot, first);
}

function shown(operand: Operand): string {
  return operand.kind === 'pipeline' ? `(${operandText(operand)})` : operandText(operand);
}

type FieldOperand = Extract<Operand, { kind: 'field' | 'variable' | 'chain' }>;

/** `given`: arguments follow, which only a method could take. */
function evaluateFields(run: Execution, dot: GoValue, operand: FieldOperand, given: boolean): GoValue {
  run.at(operand.position, () => operandText(operand));
  let value = dot;
  if (operand.kind === 'variable') value = run.variable(operand.variable);
  if (operand.kind === 'chain') value = evaluateOperand(run, dot, operand.inner);
  if (operand.names.length === 0 && given)
    throw run.error(`can't give argument to non-function ${operandText(operand)}`);
  let fromMap = false;
  for (const [index, name] of operand.names.entries()) {
    const last = index === operand.names.length - 1;
    const container = value;
    value = fieldOf(run, value, name, { hasArguments: given && last, fromMap });
    fromMap = isKind(container, 'map') && container.element === 'interface {}';
  }
  return value;
}

function fieldOf(
  run: Execution,
  receiver: GoValue,
  name: string,
  { hasArguments, fromMap }: { hasArguments: boolean; fromMap: boolean },
): GoValue {
  if (receiver === null) {
    if (fromMap) throw run.error(`nil pointer evaluating interface {}.${name}`);
    if (run.options.missingKeyIsError) throw run.error(`nil data; no entry for key "${name}"`);
    return null;
  }
  if (isKind(receiver, 'struct')) {
    const field = findField(receiver, name);
    if (field !== undefined && hasArguments) throw run.error(`${name} has arguments but cannot be invoked as function`);
    if (field !== undefined) return field.value;
  }
  if (isKind(receiver, 'map')) {
    if (hasArguments) throw run.error(`${name} is not a method but has arguments`);
    if (receiver.entries?.has(name)) return receiver.entries.get(name) ?? null;
    if (run.options.missingKeyIsError) throw run.error(`map has no entry for key ${JSON.stringify(name)}`);
    return null;
  }
  throw run.error(`can't evaluate field ${name} in type ${fromMap ? 'interface {}' : typeName(receiver)}`);
}

/** A value that stands by itself: a constant, a field, or something in parentheses. */
function evaluateOperand(run: Execution, dot: GoValue, operand: Operand): GoValue {
  switch (operand.kind) {
    case 'dot':
      return dot;
    case 'nil':
      return null;
    case 'bool':
    case 'number':
    case 'string':
      return operand.value;
    case 'pipeline':
      return evaluatePipeline(run, dot, operand.pipeline);
    case 'function': {
      const command: Command = { args: [operand], position: operand.position };
      return evaluateFunction(run, dot, operand.name, { command, first: operand, args: [], piped: undefined });
    }
    default:
      return evaluateFields(run, dot, operand, false);
  }
}

interface Call {
  command: Command;
  first: Operand;
  args: readonly Operand[];
  piped: Piped;
}

function evaluateFunction(run: Execution, dot: GoValue, name: string, call: Call): GoValue {
  run.at(call.first.position, () => operandText(call.first));
  const definition = run.options.functions.get(name);
  if (definition === undefined) throw run.error(`"${name}" is not a defined function`);
  checkCount(run, name, definition, call.args.length + (call.piped === undefined ? 0 : 1));
  const types = (index: number): ParameterType => definition.parameters[index] ?? definition.rest ?? 'any';
  const values: GoValue[] = [];
  for (const [index, operand] of call.args.entries()) {
    const value = evaluateArgument(run, dot, operand, types(index));
    values.push(value);
    if (shortCircuits.has(name) && isTrue(value) === (name === 'or')) return value;
  }
  if (call.piped !== undefined) values.push(checkType(run, call.piped, types(values.length)));
  try {
    return definition.call(values);
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    run.at(call.command.position, () => commandText(call.command));
    throw run.error(`error calling ${name}: ${error.message}`);
  }
}

function checkCount(run: Execution, name: string, { parameters, rest }: TemplateFunction, got: number): void {
  const want = parameters.length;
  if (got === want || (rest !== undefined && got > want)) return;
  const least = rest === undefined ? '' : 'at least ';
  throw run.error(`wrong number of args for ${name}: want ${least}${want} got ${got}`);
}

const goTypes: Record<ParameterType, string> = {
  any: 'interface {}',
  string: 'string',
  int: 'int',
  strings: '[]string',
};

function evaluateArgument(run: Execution, dot: GoValue, operand: Operand, type: ParameterType): GoValue {
  run.at(operand.position, () => operandText(operand));
  const constant = operand.kind === 'bool' || operand.kind === 'number' || operand.kind === 'string';
  if (type === 'any') return evaluateOperand(run, dot, operand);
  if (operand.kind === 'nil' && type !== 'strings') throw run.error(`cannot assign nil to ${goTypes[type]}`);
  if (constant) return checkConstant(run, operand.value, { type, text: operandText(operand) });
  return checkType(run, evaluateOperand(run, dot, operand), type);
}

function checkConstant(run: Execution, value: GoValue, { type, text }: { type: ParameterType; text: string }): GoValue {
  if (type === 'string' && typeof value !== 'string') throw run.error(`expected string; found ${text}`);
  if (type === 'int' && typeof value !== 'bigint') throw run.error(`expected integer; found ${text}`);
  if (type === 'strings') throw run.error(`can't handle ${text} for arg of type []string`);
  return value;
}

function checkType(run: Execution, value: GoValue, type: ParameterType): GoValue {
  if (type === 'any') return value;
  if (value === null) {
    if (type === 'strings') return null;
    throw run.error(`invalid value; expected ${goTypes[type]}`);
  }
  if (typeName(value) === goTypes[type]) return value;
  throw run.error(`wrong type for value; expected ${goTypes[type]}; got ${typeName(value)}`);
}
