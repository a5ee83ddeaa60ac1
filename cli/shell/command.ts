/**
 * How commands are declared and run.
 *
 * A command is a citty object: it parses, calls one function, and prints. citty lets unknown flags
 * pass, so that all arguments are checked here first, strictly.
 */
import { parseArgs } from 'node:util'
import { type ArgsDef, type CommandDef, renderUsage, runCommand } from 'citty'
import { EXIT, UserError } from './errors.ts'

/** Flags that many commands share. */
export const shared = {
  data: { type: 'string', description: 'data directory (default: $COLLATZ_HOME, else ~/.collatz)', valueHint: 'DIR' },
  json: { type: 'boolean', description: 'print JSON' },
} as const satisfies ArgsDef

type Commands = Record<string, CommandDef<any>>

/**
 * Walks down to the command that the arguments name and runs it.
 *
 * @throws {UserError} for an unknown command, flag or superfluous argument
 */
export async function dispatch(root: CommandDef<any>, argv: readonly string[]): Promise<void> {
  let command = root
  let parent: CommandDef<any> | undefined
  let path = 'collatz'
  let rest = [...argv]
  for (;;) {
    const children = (command.subCommands ?? {}) as Commands
    const name = rest[0]
    if (name !== undefined && Object.hasOwn(children, name)) {
      parent = command
      command = children[name]!
      path += ` ${name}`
      rest = rest.slice(1)
      continue
    }
    const helpAt = rest.findIndex((argument) => argument === '--help' || argument === '-h')
    if (helpAt !== -1 && !rest.slice(0, helpAt).includes('--')) {
      // citty puts the parent's name before the command's: the whole way to it.
      const parentPath = path.split(' ').slice(0, -1).join(' ')
      console.log(await renderUsage(command, parent && { ...parent, meta: { name: parentPath } }))
      return
    }
    const args = (command.args ?? {}) as ArgsDef
    const positionals = Object.values(args).filter((arg) => arg.type === 'positional').length
    if (Object.keys(children).length > 0 && positionals === 0) {
      if (name !== undefined && !name.startsWith('-')) {
        const meant = nearest(name, Object.keys(children))
        const guess = meant === null ? '' : `did you mean "${path} ${meant}"? `
        throw new UserError(`unknown command "${path} ${name}": ${guess}see \`${path} --help\``, EXIT.usage)
      }
      if (!command.run) {
        console.log(await renderUsage(command, parent))
        throw new UserError(`\`${path}\` needs one of its commands`, EXIT.usage)
      }
    }
    checkArguments(path, args, positionals, rest, Object.keys(children))
    await runCommand({ ...command, subCommands: undefined } as CommandDef<any>, { rawArgs: rest })
    return
  }
}

/**
 * The word that was probably meant: the fewest slips of the finger away, two at most; null if there
 * is none.
 */
function nearest(typed: string, words: readonly string[]): string | null {
  const [best] = words.map((word) => ({ word, slips: slips(typed, word) })).sort((a, b) => a.slips - b.slips)
  return best && best.slips <= Math.min(2, best.word.length / 2) ? best.word : null
}

/** Letters to add, drop, change or swap with their neighbour. */
function slips(a: string, b: string): number {
  const d = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array(b.length).fill(0)] as number[])
  for (let j = 1; j <= b.length; j++) d[0]![j] = j
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const changed = d[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? d[i - 2]![j - 2]! + 1 : changed
      d[i]![j] = Math.min(d[i - 1]![j]! + 1, d[i]![j - 1]! + 1, changed, swapped)
    }
  }
  return d[a.length]![b.length]!
}

/**
 * @param children commands below it: the first argument may be one of them with a slip of the
 * finger
 */
function checkArguments(
  path: string,
  args: ArgsDef,
  positionals: number,
  rest: readonly string[],
  children: readonly string[],
): void {
  const options: Record<string, { type: 'boolean' | 'string' }> = {}
  for (const [name, arg] of Object.entries(args)) {
    if (arg.type === 'positional') continue
    options[name] = { type: arg.type === 'boolean' ? 'boolean' : 'string' }
  }
  let given: string[]
  try {
    given = parseArgs({
      args: [...rest],
      options,
      strict: true,
      allowPositionals: true,
      allowNegative: true,
    }).positionals
  } catch (error) {
    const unknown = /Unknown option '([^']*)'/.exec((error as Error).message)?.[1]
    const negative = rest.find((word) => /^-[0-9]/.test(word))
    // Of -17, parseArgs calls one digit or the other unknown; after a flag it calls it ambiguous.
    const isAmbiguous = (error as Error).message.includes('ambiguous')
    if (negative && (isAmbiguous || (unknown && /^-?[0-9]/.test(unknown)))) {
      throw new UserError(`${negative} is negative: numbers here are whole and from 0 or 1 on`, EXIT.usage)
    }
    const what = unknown ? `unknown flag ${unknown}` : (error as Error).message.split('\n')[0]!.replace(/\.$/, '')
    throw new UserError(`${what}: see \`${path} --help\``, EXIT.usage)
  }
  const extra = given[positionals]
  if (extra !== undefined) {
    const meant = nearest(given[0]!, children)
    const guess = meant === null ? '' : `did you mean "${path} ${meant}"? `
    throw new UserError(`unexpected argument "${extra}": ${guess}see \`${path} --help\``, EXIT.usage)
  }
}

/** A whole number between two bounds. @throws {UserError} */
export function wholeNumber(flag: string, text: string, low: number, high: number): number {
  const value = Number(text)
  if (!/^[0-9]+$/.test(text) || value < low || value > high) {
    throw new UserError(`${flag} is "${text}": give a whole number from ${low} to ${high}`, EXIT.usage)
  }
  return value
}

/** The value of a flag --units: `3` or `3,17`. @throws {UserError} */
export const unitsOf = (text: string): number[] =>
  text.split(',').map((unit) => wholeNumber('--units', unit.trim(), 0, 65535))

/** A signal that fires at the first Ctrl-C (or SIGTERM); a second one ends the program at once. */
export function interruptible(): AbortSignal {
  const controller = new AbortController()
  const handler = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    controller.abort()
  }
  process.on('SIGINT', handler)
  process.on('SIGTERM', handler)
  return controller.signal
}

/** Resolves when the signal fires, or at once if it has. */
export function fired(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/**
 * What a command that was interrupted says.
 *
 * @param where `at 2^40`; empty where there is nothing to say
 * @param isSaved whether a checkpoint has what is done
 */
export function stoppedAt(where: string, isSaved: boolean): UserError {
  const stopped = where === '' ? 'stopped' : `stopped ${where}`
  const advice = isSaved ? `what is done is kept. Go on with the same command: ${sameCommand()}` : 'nothing is kept'
  return new UserError(`${stopped}; ${advice}`, EXIT.interrupted)
}

/** What was typed, to be typed again. */
const sameCommand = (): string =>
  ['collatz', ...process.argv.slice(2)].map((word) => (/^[\w./:=^,-]+$/.test(word) ? word : `'${word}'`)).join(' ')
