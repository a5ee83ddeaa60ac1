/**
 * Whoever runs a node says which drand relays it asks; nobody else is asked, and one that answers
 * is enough.
 */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { drandSource, relaysOf } from '../../../orbit/node/beacon/drand.ts'
import { QUICKNET, QUICKNET_RELAYS } from '../../../orbit/rules/network/beacon.ts'
import { relay } from '../../orbit/node/beacon/relay.ts'
import { until } from '../../until.ts'
import { Desk } from '../program.ts'

setDefaultTimeout(2_400_000)

const desk = new Desk()
const gone = relay(() => new Response('gone', { status: 503 }))
const other = relay()
afterAll(() => {
  gone.stop()
  other.stop()
  desk.dispose()
})

/** Without the chain's hash, as a user would give it. */
const bare = (url: string) => url.replace(`/${QUICKNET.hash}`, '')
const configOf = (directory: string) => JSON.parse(readFileSync(desk.path(directory, 'config.json'), 'utf8'))

test('relays are kept in the configuration of whoever founds or joins, and asked by his node, one after another', async () => {
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']
  const relays = `${bare(gone.url)},${other.url}/`
  const founded = await desk.run('init', '--production', '--bits', '56', ...listen, '--relays', relays)
  expect(founded).toMatchObject({ code: 0, stderr: '' })
  expect(configOf('data').relays).toEqual([bare(gone.url), other.url])

  const node = desk.start('node')
  await until(() => gone.asked.length > 0 && other.asked.length > 0, 'a question to each')
  node.kill('SIGTERM')
  expect(await node.exited).toBe(0)
  for (const { asked } of [gone, other]) expect(asked[0]).toMatch(new RegExp(`^/${QUICKNET.hash}/public/[0-9]+$`))

  const genesis = desk.path('data', 'genesis.cbor')
  const join = ['join', genesis, ...listen, '--data', desk.path('ada')]
  const bad = await desk.run(...join, '--relays', 'api.drand.sh')
  expect(bad).toMatchObject({ code: 64, stdout: '' })
  expect(bad.stderr).toBe(
    'collatz: --relays: "api.drand.sh" is not the URL of a drand relay (such as https://api.drand.sh)\n',
  )
  expect((await desk.run(...join, '--relays', other.url)).code).toBe(0)
  expect(configOf('ada').relays).toEqual([other.url])

  writeFileSync(desk.path('ada', 'config.json'), JSON.stringify({ ...configOf('ada'), relays: ['nowhere'] }))
  const mended = await desk.run('node', '--data', desk.path('ada'))
  expect(mended).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^collatz: "nowhere" is not the URL[^\n]*\n$/),
  })
})

test('a network with its founder’s own beacon has no relays', async () => {
  const local = await desk.run('init', '--local', '--data', desk.path('local'), '--relays', other.url)
  expect(local).toMatchObject({
    code: 64,
    stderr: expect.stringMatching(/^collatz: --relays is for networks with the drand/),
  })
})

test('without any named, those of the League of Entropy; a hash that was given is not given twice', () => {
  expect(relaysOf(QUICKNET, undefined)).toEqual(QUICKNET_RELAYS)
  const [first] = QUICKNET_RELAYS as [string]
  expect(relaysOf(QUICKNET, [first, bare(first), `${bare(first)}/`])).toEqual([first])
  for (const url of ['', 'ftp://api.drand.sh', 'https://api.drand.sh/?a=1', 'https://a@api.drand.sh', 'x y']) {
    expect(() => relaysOf(QUICKNET, [url])).toThrow('is not the URL of a drand relay')
  }
})

test('of relays that cannot be reached, each is told by its host and the system’s code, and no more', async () => {
  const dead = relay()
  dead.stop()
  const { host } = new URL(dead.url)
  const source = drandSource({ chain: QUICKNET, urls: [dead.url] })
  await source.start()
  await until(() => source.trouble(), 'trouble')
  expect(source.trouble()).toMatch(new RegExp(`^beacon round \\d+ can't be had: ${host}: ECONNREFUSED$`))
  await source.stop()
})
