import { afterEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { drandSource } from '../../../../orbit/node/beacon/drand.ts'
import { relaySource } from '../../../../orbit/node/beacon/fetch.ts'
import { localSource } from '../../../../orbit/node/beacon/local.ts'
import { VerifiedRounds } from '../../../../orbit/node/beacon/rounds.ts'
import type { BeaconSource } from '../../../../orbit/node/beacon/source.ts'
import {
  localChain,
  localSecret,
  QUICKNET,
  roundAt,
  signRound,
  timeOf,
  verifyRound,
} from '../../../../orbit/rules/network/beacon.ts'
import { QUICKNET_ROUNDS } from '../../../vectors/quicknet.ts'
import { until } from '../nodes.ts'
import { type Relay, recorded, relay } from './relay.ts'

setDefaultTimeout(2_400_000)

const [round1000, round123] = QUICKNET_ROUNDS as [(typeof QUICKNET_ROUNDS)[0], (typeof QUICKNET_ROUNDS)[0]]
const signature1000 = hexToBytes(round1000.signature)
/** A clock that stands still just after quicknet's round 1000. */
const now = () => timeOf(QUICKNET, 1000) * 1000 + 500

const opened: (Relay | BeaconSource)[] = []
const open = <T extends Relay | BeaconSource>(thing: T): T => {
  opened.push(thing)
  return thing
}
afterEach(async () => {
  for (const thing of opened.splice(0)) await thing.stop()
})
const drand = (...relays: { url: string }[]) =>
  open(drandSource({ chain: QUICKNET, urls: relays.map((r) => r.url), now }))
const nextRound = (source: BeaconSource) => new Promise<number>((resolve) => source.onRound((r) => resolve(r.round)))

describe('drand over HTTP', () => {
  test('follows the chain: the newest round is fetched, checked and announced', async () => {
    const good = open(relay())
    const source = drand(good)
    expect(source.current()).toBeNull()
    const announced = nextRound(source)
    await source.start()
    expect(await announced).toBe(1000)
    expect(bytesToHex(source.current()!.randomness)).toBe(round1000.randomness)
    expect(good.asked).toEqual([`/${QUICKNET.hash}/public/1000`])
  })

  test('fetches an older round when asked, and each round once', async () => {
    const good = open(relay())
    const source = drand(good)
    const [a, b] = await Promise.all([source.round(123), source.round(123)])
    expect(bytesToHex(a.randomness)).toBe(round123.randomness)
    expect(await source.round(123)).toBe(a)
    expect(b).toBe(a)
    expect(good.asked).toHaveLength(1)
  })

  const wrong = hexToBytes(round123.signature)
  const consistent = (signature: Uint8Array) => ({
    round: 1000,
    signature: bytesToHex(signature),
    randomness: createHash('sha256').update(signature).digest('hex'),
  })
  const liars: Record<string, (round: number) => Response | Promise<Response>> = {
    "another round's signature": () => Response.json(consistent(wrong)),
    'bytes that are no point': () => Response.json(consistent(new Uint8Array(48).fill(0x8f))),
    'a true signature with a made-up randomness': () => Response.json({ ...round1000, randomness: '0'.repeat(64) }),
    'another round': () => recorded(123),
    'no JSON': () => new Response('<html>'),
    'JSON of another shape': () => Response.json({ round: 1000 }),
    'an endless answer': () => new Response(new Blob([new Uint8Array(1 << 20)])),
    'a server error': () => new Response('overloaded', { status: 503 }),
    'no answer at all': () => new Promise(() => {}),
  }
  test.each(Object.entries(liars))('fails over from a relay that gives %s', async (_, respond) => {
    const bad = open(relay(respond))
    const good = open(relay())
    const source = drand(bad, good)
    expect((await source.round(1000)).signature).toEqual(signature1000)
    expect([bad.asked.length, good.asked.length]).toEqual([1, 1])
    // A supplier that answered well is asked first from then on.
    expect((await source.round(123)).round).toBe(123)
    expect([bad.asked.length, good.asked.length]).toEqual([1, 2])
  })

  test('fails over from a dead relay', async () => {
    const dead = relay()
    dead.stop()
    expect((await drand(dead, open(relay())).round(1000)).signature).toEqual(signature1000)
  })

  test('an outage is waited out, and told', async () => {
    let up = false
    const shaky = open(relay((round) => (up ? recorded(round) : new Response('', { status: 502 }))))
    const source = drand(shaky)
    await source.start()
    await until(() => source.trouble(), 'trouble')
    expect(source.trouble()).toContain('beacon round 1000')
    expect(source.trouble()).toContain('HTTP 502')
    expect(source.current()).toBeNull()
    const announced = nextRound(source)
    up = true
    expect(await announced).toBe(1000)
    expect(source.trouble()).toBeNull()
  })

  test('a round that a peer hands in is not fetched', async () => {
    const good = open(relay())
    const source = drand(good)
    expect(source.accept(1000, signature1000)?.round).toBe(1000)
    await source.start()
    expect((await source.round(1000)).round).toBe(1000)
    expect(good.asked).toEqual([])
  })

  test('a round of the future is waited for, until the caller gives up', async () => {
    const good = open(relay())
    const source = drand(good)
    const giveUp = new AbortController()
    const waiting = source.round(1001, { signal: giveUp.signal })
    // Long enough for a question that it should not ask.
    await Bun.sleep(50)
    giveUp.abort(new Error('not needed any more'))
    await expect(waiting).rejects.toThrow('not needed any more')
    expect(good.asked).toEqual([])
  })

  test('stopping rejects what is waited for and asks nobody any more', async () => {
    const hanging = open(relay(() => new Promise(() => {})))
    const source = drand(hanging)
    await source.start()
    const waiting = source.round(1000)
    await until(() => hanging.asked.length > 0, 'a question')
    const stopped = source.stop()
    await expect(waiting).rejects.toThrow('stopped')
    await stopped
    const asked = hanging.asked.length
    // Long enough for a question that it should not ask.
    await Bun.sleep(1000)
    expect(hanging.asked).toHaveLength(asked)
    await expect(source.round(123)).rejects.toThrow('stopped')
  })

  test('needs a relay', () => {
    expect(() => drandSource({ chain: QUICKNET, urls: [] })).toThrow('at least one relay')
  })
})

const secret = localSecret(new Uint8Array(48).fill(9))
/** A chain of one round a second that began a minute ago. */
const localNow = () => localChain(secret, Math.floor(Date.now() / 1000) - 60, 1)

describe('a local chain', () => {
  test('brings a round a period, on time, and every one verifies', async () => {
    const chain = localNow()
    const source = open(localSource({ chain, secret }))
    const heard: { round: number; late: number; signature: Uint8Array }[] = []
    source.onRound(({ round, signature }) =>
      heard.push({ round, signature, late: Date.now() / 1000 - timeOf(chain, round) }),
    )
    const begun = roundAt(chain, Date.now() / 1000)
    await source.start()
    expect(source.current()!.round).toBeGreaterThanOrEqual(begun)
    expect(source.current()!.round).toBeLessThanOrEqual(roundAt(chain, Date.now() / 1000))
    await until(() => heard.length >= 3, 'three rounds')
    heard.forEach(({ round, signature, late }, i) => {
      // One after another, unless this machine was too busy for more than a second: then the
      // newest.
      expect(round).toBeGreaterThan(heard[i - 1]?.round ?? 0)
      expect(late).toBeGreaterThanOrEqual(0)
      verifyRound(chain, round, signature)
    })
  })

  test('a round that was missed is signed when it is asked for', async () => {
    const chain = localNow()
    const source = open(localSource({ chain, secret }))
    const old = await source.round(3)
    expect(verifyRound(chain, 3, old.signature)).toEqual(old.randomness)
    expect(await source.round(3)).toBe(old)
  })

  test('no round is signed before its time', async () => {
    const chain = localNow()
    const source = open(localSource({ chain, secret }))
    const next = roundAt(chain, Date.now() / 1000) + 1
    expect((await source.round(next)).round).toBe(next)
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(timeOf(chain, next))
    const waiting = source.round(next + 1000)
    const stopped = source.stop()
    await expect(waiting).rejects.toThrow('stopped')
    await stopped
  })

  test('before its genesis it is silent', async () => {
    const chain = localChain(secret, Math.floor(Date.now() / 1000) + 3600, 1)
    const source = open(localSource({ chain, secret }))
    await source.start()
    expect(source.current()).toBeNull()
    await expect(source.round(0)).rejects.toThrow('not a beacon round')
  })

  test("another chain's key is refused", () => {
    expect(() => localSource({ chain: QUICKNET, secret })).toThrow('beacon key')
  })
})

describe('rounds from peers', () => {
  const chain = localNow()

  test('are taken when they verify and refused when not', async () => {
    const source = open(relaySource({ chain }))
    await source.start()
    const heard: number[] = []
    source.onRound((r) => heard.push(r.round))
    const taken = source.accept(5, signRound(secret, 5))
    expect(taken?.round).toBe(5)
    expect(source.accept(5, signRound(secret, 5))).toBe(taken)
    expect(source.accept(5, signRound(secret, 6))).toBeNull()
    expect(source.accept(7, signRound(secret, 6))).toBeNull()
    expect(source.accept(7, new Uint8Array(1000))).toBeNull()
    expect(source.accept(-1, signRound(secret, 5))).toBeNull()
    expect(source.current()).toBe(taken)
    // A late old round is kept, but time does not go back.
    expect(source.accept(4, signRound(secret, 4))?.round).toBe(4)
    expect(source.current()).toBe(taken)
    expect(heard).toEqual([5])
  })

  test('are waited for', async () => {
    const source = open(relaySource({ chain }))
    const waiting = source.round(8)
    source.accept(8, signRound(secret, 8))
    expect((await waiting).round).toBe(8)
  })

  test('are asked for where there is a way to ask, again and again, and checked', async () => {
    const answers = [signRound(secret, 9), signRound(secret, 10)]
    const source = open(relaySource({ chain, ask: async () => answers.shift()! }))
    expect((await source.round(10)).signature).toEqual(signRound(secret, 10))
    expect(answers).toEqual([])
  })

  test('are kept in bounds', () => {
    const rounds = new VerifiedRounds(chain)
    for (let round = 1; round <= 5000; round++) rounds.acceptOwn(round, new Uint8Array(48))
    expect([rounds.get(1), rounds.get(904), rounds.get(905)?.round]).toEqual([null, null, 905])
    expect(rounds.current()?.round).toBe(5000)
  })
})

test('all of it works in a compiled binary', async () => {
  const directory = `${process.env.TMPDIR ?? '/tmp'}/collatz-beacon-${process.pid}`
  const binary = `${directory}/beacon`
  const build = Bun.spawnSync([
    process.execPath,
    'build',
    '--compile',
    `${import.meta.dir}/beacon-binary.ts`,
    '--outfile',
    binary,
  ])
  expect(build.stderr.toString() + build.exitCode).toEndWith('0')
  try {
    const good = open(relay())
    const run = Bun.spawn([binary, good.url], { cwd: directory, env: {}, stdout: 'pipe', stderr: 'pipe' })
    expect(await new Response(run.stdout).text()).toBe(`${round1000.randomness}\nlocal 3\n`)
    expect(await new Response(run.stderr).text()).toBe('')
  } finally {
    Bun.spawnSync(['rm', '-r', directory])
  }
})
