/**
 * How commands are declared and run. A command is one small citty object; it parses, calls one function of ours, and
 * prints. citty lets unknown flags pass, so what a command declares is checked here first, strictly.
 */
import { parseArgs } from 'node:util'
import { type ArgsDef, type CommandDef, renderUsage, runCommand } from 'citty'

/** A mistake that its user can mend: shown as one line, without a stack trace. */
export class UserError extends Error {
  override readonly name = 'UserError'
  readonly exitCode: number
  constructor(message: string, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Exit codes, after sysexits.h where it has one. */
export const EXIT = { usage: 64, refused: 65, interrupted: 130 } as const

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
      console.log(await renderUsage(command, parent))
      return
    }
    const args = (command.args ?? {}) as ArgsDef
    const positionals = Object.values(args).filter((arg) => arg.type === 'positional').length
    if (Object.keys(children).length > 0 && positionals === 0) {
      if (name !== undefined && !name.startsWith('-')) {
        throw new UserError(`unknown command "${path} ${name}": see \`${path} --help\``, EXIT.usage)
      }
      if (!command.run) {
        console.log(await renderUsage(command, parent))
        throw new UserError(`\`${path}\` needs one of its commands`, EXIT.usage)
      }
    }
    checkArguments(path, args, positionals, rest)
    await runCommand({ ...command, subCommands: undefined } as CommandDef<any>, { rawArgs: rest })
    return
  }
}

function checkArguments(path: string, args: ArgsDef, positionals: number, rest: readonly string[]): void {
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
    if (unknown && negative?.startsWith(unknown)) {
      throw new UserError(`${negative} is negative: numbers here are whole and from 0 or 1 on`, EXIT.usage)
    }
    const what = unknown ? `unknown flag ${unknown}` : (error as Error).message.split('\n')[0]!.replace(/\.$/, '')
    throw new UserError(`${what}: see \`${path} --help\``, EXIT.usage)
  }
  const extra = given[positionals]
  if (extra !== undefined) {
    throw new UserError(`unexpected argument "${extra}": see \`${path} --help\``, EXIT.usage)
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

/** What was typed, to be typed again. */
export const sameCommand = (): string =>
  ['collatz', ...process.argv.slice(2)].map((word) => (/^[\w./:=^,-]+$/.test(word) ? word : `'${word}'`)).join(' ')
