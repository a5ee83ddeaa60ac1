/**
 * What goes wrong is said in one line, with what to do; the exit code is not 0; nothing is lost.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { RuleError } from '../../../orbit/rules/base/statement.ts'
import { readCertificate } from '../../../orbit/rules/certificate/read.ts'
import { readGenesis } from '../../../orbit/rules/network/genesis.ts'
import { until } from '../../until.ts'
import { Desk, type Outcome } from '../program.ts'

setDefaultTimeout(2_400_000)

const desk = new Desk()
let certificate: string

beforeAll(async () => {
  expect((await desk.run('init', '--local', '--bits', '36')).code).toBe(0)
  expect((await desk.run('work', '--units', '1')).code).toBe(0)
  certificate = (await desk.run('certificate')).stdout.trim()
})
afterAll(() => desk.dispose())

/**
 * One line on stderr, beginning with the program's name; no stack; not exit code 0 and not a
 * defect's.
 */
function isOneClearLine({ code, stderr, stdout }: Outcome, says: RegExp): void {
  // All of it, so that a failure says what came instead.
  expect({ code, stdout, stderr }).toEqual({ code, stdout, stderr: expect.stringMatching(/^collatz: [^\n]+\n$/) })
  expect(stderr).toMatch(says)
  expect(stderr + stdout).not.toMatch(/\n {4}at /)
  expect([0, 70]).not.toContain(code)
}

/** A digest of all that must not change: keys, genesis, configuration, certificates. */
function fingerprint(directory: string): string {
  const hash = createHash('sha256')
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.startsWith('node.sqlite') || entry.name === 'control.json') continue
    const path = join(entry.parentPath, entry.name)
    hash.update(path).update(readFileSync(path))
  }
  return hash.digest('hex')
}

const cases: readonly [string, readonly string[], RegExp][] = [
  ['an unknown command', ['wrok'], /unknown command "collatz wrok": did you mean "collatz work"\?.*--help/],
  ['an unknown command that is like none', ['compute'], /unknown command "collatz compute": see `collatz --help`/],
  ['an unknown command beside a file', ['verify', 'windw', '3'], /"3": did you mean "collatz verify window"\? see/],
  [
    'a tuning told how to bench',
    ['bench', '--tune', '--seconds', '5', '--engine', 'exact'],
    /leave --seconds and --engine/,
  ],
  ['an unknown command of a group', ['leaderboard', 'bild'], /unknown command "collatz leaderboard bild"/],
  ['an unknown flag', ['status', '--jsno'], /unknown flag --jsno.*collatz status --help/],
  ['a flag without its value', ['work', '--units'], /--units/],
  [
    'relays of a network that has none',
    ['init', '--local', '--relays', 'https://api.drand.sh'],
    /--relays is for networks/,
  ],
  ['relays that are none', ['init', '--production', '--relays', 'drand'], /"drand" is not the URL of a drand relay/],
  ['no relays', ['init', '--production', '--relays', ','], /--relays names no relay/],
  ['an argument too many', ['status', 'now'], /unexpected argument "now"/],
  ['units that are no number', ['work', '--units', 'many'], /--units is "many".*whole number/],
  ['negative units', ['work', '--units', '-1'], /-1 is negative: numbers here are whole/],
  ['a negative epoch of two digits', ['draw', '-17'], /-17 is negative/],
  ['no units', ['work', '--units', '0'], /--units is "0"/],
  ['init without a kind', ['init'], /--local.*--production/],
  ['init of both kinds', ['init', '--local', '--production'], /--local.*--production/],
  ['a window size out of range', ['init', '--local', '--bits', '99'], /--bits is "99".*20 to 71/],
  ['an empty window size', ['init', '--local', '--bits', ''], /--bits is ""/],
  ['an empty data directory', ['init', '--local', '--data', ''], /--data is empty/],
  ['time for a number', ['verify', '27', '--seconds', '3'], /--seconds is for files, and 27 is a number/],
  ['a second init', ['init', '--local'], /already belongs to network.*nothing was changed/],
  ['joining from a directory in use', ['join', '/ip4/127.0.0.1/tcp/9'], /already belongs to network/],
  ['a window below the baseline', ['certificate', '5'], /window 5 is out of range/],
  ['a window that is none', ['certificate', 'first'], /the window is "first": give a whole number/],
  ['a window not certified yet', ['certificate', '34359738999'], /no certificate here/],
  ['verifying a file that is not there', ['verify', '/nowhere/x.json'], /no file \/nowhere\/x.json/],
  ['verifying a folder without certificates', ['verify', '/'], /holds no certificate/],
  ['a page folder that is somebody else’s', ['leaderboard', 'build', '--out', '/etc'], /\/etc/],
  [
    'serving at an address of another machine',
    ['leaderboard', 'serve', '--host', '192.0.2.1'],
    /not an address of this/,
  ],
  ['serving what is no page', ['leaderboard', 'serve', '--dir', '/etc', '--port', '0'], /\/etc/],
  ['a port that is none', ['leaderboard', 'serve', '--port', '99999'], /--port is "99999"/],
  ['an address that is none', ['node', '--listen', 'localhost:80'], /not a multiaddr/],
]

test.each(cases)('%s', async (_, args, says) => {
  const before = fingerprint(desk.path('data'))
  isOneClearLine(await desk.run(...args), says)
  expect(fingerprint(desk.path('data'))).toBe(before)
})

test('what names no relay is a mistake of usage', async () => {
  for (const relays of ['drand', ',']) {
    expect((await desk.run('init', '--production', '--relays', relays)).code).toBe(64)
  }
})

describe('with no network yet', () => {
  const empty = new Desk()
  afterAll(() => empty.dispose())

  test.each([
    ['status'],
    ['work'],
    ['node'],
    ['certificate'],
    ['leaderboard build --out x'],
    ['pool'],
    ['draw'],
    ['verify draw 3'],
    ['security'],
    ['coordinate'],
    ['decline'],
    ['account show'],
  ])('%s says how to begin', async (command) => {
    isOneClearLine(await empty.run(...command.split(' ')), /no network in .*collatz init --local/)
  })

  test('the program alone lists its commands and how to begin', async () => {
    const { code, stdout } = await empty.run()
    expect(code).toBe(0)
    expect(stdout).toContain('collatz init --local')
  })

  test('joining nobody, or what is no genesis', async () => {
    isOneClearLine(await empty.run('join', '/ip4/127.0.0.1/tcp/9'), /cannot get the genesis from/)
    isOneClearLine(await empty.run('join', '/ip4/300.0.0.1/tcp/9'), /not a multiaddr/)
    isOneClearLine(await empty.run('join', 'nowhere.cbor'), /neither a multiaddr.* nor a genesis file/)
    writeFileSync(empty.path('no.cbor'), 'this is no genesis')
    isOneClearLine(await empty.run('join', empty.path('no.cbor')), /genesis/)
    isOneClearLine(
      await empty.run('join', desk.path('data', 'genesis.cbor'), '--network', `bafyrei${'a'.repeat(52)}`),
      /not bafyreia.*nothing was adopted/,
    )
    expect(readdirSync(empty.home)).not.toContain('data')
  })

  test('a genesis with any one byte changed', async () => {
    const genesis = readFileSync(desk.path('data', 'genesis.cbor'))
    for (let i = 0; i < 12; i++) {
      const changed = Buffer.from(genesis)
      changed[Math.floor((i * genesis.length) / 12)]! ^= 1
      expect(() => readGenesis(changed)).toThrow(RuleError)
      if (i % 4 !== 0) continue
      writeFileSync(empty.path('changed.cbor'), changed)
      isOneClearLine(await empty.run('join', empty.path('changed.cbor')), /genesis/)
    }
  })

  test('a data directory that can’t be one', async () => {
    writeFileSync(empty.path('file'), 'x')
    isOneClearLine(
      await empty.run('init', '--local', '--data', empty.path('file', 'below')),
      /cannot use the data directory/,
    )
  })
})

describe('a certificate', () => {
  test('with any one byte changed is refused', async () => {
    const bytes = readFileSync(certificate)
    for (let i = 0; i < 24; i++) {
      const changed = Buffer.from(bytes)
      const at = Math.floor((i * bytes.length) / 24)
      changed[at]! ^= 1 << (i % 7)
      expect(() => readCertificate(changed)).toThrow(RuleError)
      // The program says the same of each: a start of it costs more than the check.
      if (i % 6 !== 0) continue
      writeFileSync(desk.path('changed.json'), changed)
      isOneClearLine(await desk.run('verify', desk.path('changed.json')), /NOT VALID/)
    }
  })

  test('that is empty, or of another network than asked for', async () => {
    writeFileSync(desk.path('empty.json'), '')
    isOneClearLine(await desk.run('verify', desk.path('empty.json')), /NOT VALID/)
    isOneClearLine(await desk.run('verify', certificate, '--network', 'bafyother'), /NOT VALID.*not bafyother/)
  })

  test('unchanged is accepted, and says so in JSON too', async () => {
    const { code, stdout } = await desk.run('verify', certificate, '--json', '--seconds', '1')
    // Its network asks for two hard numbers a leaf: all of it holds, and it proves nothing.
    expect(code).toBe(5)
    const said = JSON.parse(stdout)
    expect(said).toMatchObject({ valid: true, start: (1n << 71n).toString(), provesNothing: true })
    expect(said.arithmetic.items).toBeGreaterThan(100)
    expect(said.arithmetic.recomputed.length).toBeGreaterThan(0)
  })

  test('whole units of it are recomputed on request', async () => {
    const { stdout } = await desk.run('verify', certificate, '--json', '--seconds', '1', '--units', '0')
    const { arithmetic, units } = JSON.parse(stdout)
    const { recomputed, leaves } = arithmetic
    const whole = Array.from({ length: leaves / units }, (_, leaf) => ({ unit: 0, leaf }))
    expect(recomputed.slice(0, whole.length)).toEqual(whole)
    isOneClearLine(await desk.run('verify', certificate, '--units', '60000'), /has no leaves of unit 60000/)
    isOneClearLine(await desk.run('verify', certificate, '--units', '1;2'), /--units is "1;2"/)
  })
})

describe('what lies in the data directory', () => {
  const copy = new Desk()
  afterAll(() => copy.dispose())
  const fresh = () => {
    rmSync(copy.path('data'), { recursive: true, force: true })
    cpSync(desk.path('data'), copy.path('data'), { recursive: true })
  }

  test('a genesis that was changed, or is another network’s', async () => {
    fresh()
    const genesis = readFileSync(copy.path('data', 'genesis.cbor'))
    genesis[100]! ^= 1
    writeFileSync(copy.path('data', 'genesis.cbor'), genesis)
    isOneClearLine(await copy.run('status'), /genesis.cbor was changed or damaged/)
    const other = new Desk()
    await other.run('init', '--local')
    copyFileSync(other.path('data', 'genesis.cbor'), copy.path('data', 'genesis.cbor'))
    isOneClearLine(await copy.run('work'), /a genesis never changes/)
    other.dispose()
  })

  test('a key that is missing or damaged', async () => {
    fresh()
    writeFileSync(copy.path('data', 'node.key'), 'not a key')
    isOneClearLine(await copy.run('work'), /node.key is not a key/)
    rmSync(copy.path('data', 'node.key'))
    isOneClearLine(await copy.run('work'), /node.key is missing/)
  })

  test('a database that is damaged is left as it is', async () => {
    fresh()
    const path = copy.path('data', 'node.sqlite')
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
    writeFileSync(path, Buffer.alloc(65536, 'not a database '))
    const before = readFileSync(path)
    isOneClearLine(await copy.run('status'), /node.sqlite is damaged/)
    isOneClearLine(await copy.run('work'), /node.sqlite is damaged/)
    expect(readFileSync(path).equals(before)).toBe(true)
  })
})

describe('while a node runs', () => {
  let node: ReturnType<Desk['start']>
  beforeAll(async () => {
    node = desk.start('node')
    const isRunning = async () => JSON.parse((await desk.run('status', '--json')).stdout || '{}').running === true
    await until(isRunning, 'the node')
  })
  afterAll(async () => {
    node.kill('SIGTERM')
    expect(await node.exited).toBe(0)
  })

  test('a second one on its data directory is refused', async () => {
    isOneClearLine(await desk.run('work'), /in use by another process/)
  })

  test('the commands that only look are answered by it', async () => {
    for (const command of ['status', 'pool', 'draw', 'certificate', 'account show']) {
      expect((await desk.run(...command.split(' '))).code).toBe(0)
    }
  })
})

test('a port in use, for the node and for the page', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.address() as { port: number }
  isOneClearLine(await desk.run('node', '--listen', `/ip4/127.0.0.1/tcp/${port}`), new RegExp(`${port}`))
  isOneClearLine(await desk.run('leaderboard', 'serve', '--port', String(port)), new RegExp(`${port}`))
  server.close()
})

test.skipIf(process.platform !== 'linux')(
  'output that can’t be written is an error (/dev/full is Linux’s)',
  async () => {
    for (const args of ['status', 'status --json', 'verify 27', '--version', 'verify --help']) {
      const child = Bun.spawn(['sh', '-c', `'${desk.binary}' ${args} >/dev/full`], {
        env: { ...process.env, COLLATZ_HOME: desk.path('data') },
        stderr: 'pipe',
      })
      const stderr = await new Response(child.stderr).text()
      isOneClearLine({ code: await child.exited, stdout: '', stderr }, /cannot write the output: the disk is full/)
    }
  },
)

test('a reader that has seen enough, or takes its time, is no error', async () => {
  const script = (command: string) => Bun.spawnSync(['bash', '-c', command.replaceAll('collatz', `'${desk.binary}'`)])
  const enough = script('collatz verify 2^20000-1 --json | head -c 10; echo " $PIPESTATUS"')
  expect([enough.stdout.toString(), enough.stderr.toString()]).toEqual(['{\n  "n": " 0\n', ''])
  const whole = script('collatz verify 2^20000-1 --json').stdout.toString()
  expect(JSON.parse(whole).converges).toBe(true)
  expect(script('collatz verify 2^20000-1 --json | (sleep 1; cat)').stdout.toString()).toBe(whole)
})

test('help is there for every command', async () => {
  mkdirSync(desk.path('elsewhere'), { recursive: true })
  for (const command of [
    '',
    'init',
    'join',
    'work',
    'node',
    'status',
    'verify',
    'certificate',
    'leaderboard build',
    'account show',
  ]) {
    const { code, stdout } = await desk.run(...command.split(' ').filter(Boolean), '--help')
    expect({ command, code }).toEqual({ command, code: 0 })
    expect(stdout).toContain('USAGE')
  }
})
