import { afterAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { SiteData } from '../../site/data.ts'
import { renderSite } from '../../site/render.ts'
import { filesOf, folder, markup, removeFolders } from './folder.ts'
import { account, certificatesOf, key, sample, window } from './sample.ts'

afterAll(removeFolders)

/** One test starts a process of its own. */
setDefaultTimeout(2_400_000)

async function rendered(data: SiteData, out = folder()): Promise<Map<string, Buffer>> {
  await renderSite(data, out, { certificates: certificatesOf(data) })
  return filesOf(out)
}

const text = (files: Map<string, Buffer>, path: string): string => files.get(path)!.toString()
const pagesOf = (files: Map<string, Buffer>): string[] => [...files.keys()].filter((path) => path.endsWith('.html'))
const limit = 1n << 71n

test('every route is a folder with index.html, beside 404.html, style.css, data.json and the certificates', async () => {
  const files = await rendered(sample(2))
  expect([...files.keys()]).toEqual(
    [
      '.collatz-site',
      '404.html',
      'accounts/index.html',
      ...Array.from({ length: 5 }, (_, i) => `accounts/${key(i)}/index.html`),
      'believe/index.html',
      'certificates/window-2147483648.json',
      'certificates/window-2147483649.json',
      'data.json',
      'index.html',
      'style.css',
      'windows/index.html',
      ...[0, 1, 2].map((i) => `windows/${2 ** 31 + i}/index.html`),
    ].sort(),
  )
})

test('the frontier is a sentence with its exact number', async () => {
  const page = text(await rendered(sample(3)), 'index.html')
  const plain = page.replace(/<wbr\/?>|<\/?[a-z][^>]*>/g, '')
  expect(plain).toContain('Every n below 2^71 + 3·2^40 = 2361183244733357490176 converges, given D. Barina')
  expect(plain).toContain('for n below 2^71 and 3 certificates for the rest.')
})

test('a network without a finished unit has whole pages that say so', async () => {
  const files = await rendered(sample(0))
  expect(text(files, 'index.html')).toContain('No unit is certified yet')
  expect(text(files, 'index.html')).toContain('No account has an accepted unit yet')
  expect(text(files, 'windows/index.html')).toContain('No unit is certified yet')
  expect(text(files, 'accounts/index.html')).toContain('No account has an accepted unit yet')
  for (const path of pagesOf(files)) expect(text(files, path)).not.toContain('<table')
})

test('every link is relative and leads to a file of the site, to an existing part of it, or to the cited source', async () => {
  const data = sample(3, { gaps: [(limit >> 40n) + 4n] })
  const files = await rendered(data)
  let followed = 0
  for (const path of pagesOf(files)) {
    for (const link of (await markup(files.get(path)!)).links) {
      if (link === data.network.baseline.citation.url || link.startsWith('data:image/svg+xml,')) continue
      expect(link).toMatch(/^(\.\.?\/|#)/)
      const [target = '', fragment] = link.split('#')
      const file = target === '' ? path : normalize(join(dirname(path), target))
      expect([path, link, files.has(file)]).toEqual([path, link, true])
      if (fragment !== undefined) expect((await markup(files.get(file)!)).ids.has(fragment)).toBe(true)
      followed++
    }
  }
  expect(followed).toBeGreaterThan(150)
})

test('no page holds a script, a style attribute, an event handler or a frame, and each forbids them', async () => {
  const files = await rendered(sample(3))
  for (const path of pagesOf(files)) {
    const { elements, attributes } = await markup(files.get(path)!)
    for (const element of ['script', 'iframe', 'object', 'form', 'base']) expect(elements).not.toContain(element)
    expect([...attributes].filter((name) => / (style|on\w+)$/.test(name))).toEqual([])
    expect(text(files, path)).toContain('default-src &#39;none&#39;')
  }
})

test('every page has one h1, landmarks, a title of its own, and captions on its tables', async () => {
  const files = await rendered(sample(3))
  const titles = new Set<string>()
  for (const path of pagesOf(files)) {
    const { elements, ids } = await markup(files.get(path)!)
    const times = (name: string): number => elements.filter((element) => element === name).length
    expect([path, times('h1'), times('main'), times('header'), times('footer')]).toEqual([path, 1, 1, 1, 1])
    expect(times('caption')).toBe(times('table'))
    expect(ids.has('content')).toBe(true)
    titles.add(/<title>(.*)<\/title>/.exec(text(files, path))![1]!)
  }
  expect(titles.size).toBe(pagesOf(files).length)
})

test('the same facts in any order give the same bytes, in development and in production', async () => {
  const data = sample(3)
  const shuffled = { ...data, windows: data.windows.toReversed(), accounts: data.accounts.toReversed() }
  const first = await rendered(data)
  expect(await rendered(shuffled)).toEqual(first)
  const out = folder()
  const child = Bun.spawnSync([process.execPath, join(import.meta.dir, 'render-sample.ts'), out], {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  expect(child.stderr.toString()).toBe('')
  expect(filesOf(out)).toEqual(first)
})

test('a hostile name, network or citation is text and nothing else', async () => {
  const evil = '"><img src=x onerror=alert(1)><script>alert(1)</script>\u202E'
  const data = sample(2)
  const hostile: SiteData = {
    ...data,
    network: {
      ...data.network,
      name: evil,
      baseline: { value: limit, citation: { text: evil, url: 'javascript:alert(1)' } },
    },
    accounts: [
      account(0, { name: evil }),
      account(1, { name: '\u202E\u200B' }),
      account(2, { name: 'W'.repeat(9999) }),
    ],
  }
  const files = await rendered(hostile)
  const clean = await rendered(data)
  for (const path of pagesOf(files)) {
    const { elements, attributes, links } = await markup(files.get(path)!)
    for (const element of ['img', 'script']) expect(elements).not.toContain(element)
    expect([...attributes].filter((name) => /onerror/.test(name))).toEqual([])
    expect(links.filter((link) => /script/i.test(link))).toEqual([])
    expect(text(files, path)).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u200B]/)
  }
  expect(text(files, 'data.json')).not.toContain('\u202E')
  // A name with nothing to see is no name: the key stands for it.
  expect(text(files, `accounts/${key(1)}/index.html`)).toContain(`<h1><code>${key(1).slice(0, 8)}…`)
  expect(text(files, 'index.html').length).toBeLessThan(text(clean, 'index.html').length + 2000)
})

test('data.json keeps every digit, as strings, under the names of SiteData', async () => {
  const data = sample(2)
  const json = JSON.parse(text(await rendered(data), 'data.json'))
  expect(json.format).toBe('collatz-site/1')
  expect(json.frontier).toBe(data.frontier.toString())
  expect(json.network.baseline.value).toBe(limit.toString())
  expect(json.windows[0].peak.value).toBe(data.windows[0]!.peak!.value.toString())
  expect(json.windows.map((w: { index: string }) => w.index)).toEqual(['2147483648', '2147483649', '2147483650'])
  expect(json.accounts[0].units).toBe(1200)
})

test('accounts are ranked by units, then by key', async () => {
  const accounts = [account(3, { units: 5 }), account(2, { units: 5 }), account(1, { units: 9 })]
  const json = JSON.parse(text(await rendered(sample(1, { accounts })), 'data.json'))
  expect(json.accounts.map((a: { key: string }) => a.key)).toEqual([key(1), key(2), key(3)])
})

test('a gap is named, and the frontier waits for it', async () => {
  const first = limit >> 40n
  const data = sample(2, { gaps: [first + 2n, first + 3n], windows: [...sample(2).windows, window(4)] })
  const files = await rendered(data)
  const home = text(files, 'index.html')
  expect(home).toContain('with 2 gaps below the highest')
  expect(home).toContain(`Window ${first + 3n}: gap, 0 of 64 units`)
  expect(text(files, `windows/${first + 2n}/index.html`)).toContain('The frontier waits for this window')
})

test('the theory is compared only with complete windows', async () => {
  const files = await rendered(sample(1))
  const first = limit >> 40n
  expect(text(files, `windows/${first}/index.html`)).toContain('+0.06 σ')
  expect(text(files, `windows/${first + 1n}/index.html`)).not.toContain('σ</span>')
  expect(text(files, `windows/${first + 1n}/index.html`)).toContain('so far')
})

test('data that would break or deceive is refused with the field, and nothing is written', async () => {
  const data = sample(2)
  const wrong: [string, SiteData][] = [
    ['account key', { ...data, accounts: [account(0, { key: '../../etc' })] }],
    ['there only once', { ...data, accounts: [account(0), account(0)] }],
    [
      'certificate.file',
      { ...data, windows: [window(0, { certificate: { file: '../x', cid: 'bafyreigtest0', bytes: 1 } })] },
    ],
    ['unitsDone', { ...data, windows: [window(0, { unitsDone: 65 })] }],
    ['network.join', { ...data, network: { ...data.network, join: 'x; rm -rf ~' } }],
    ['network.join', { ...data, network: { ...data.network, join: '--help' } }],
    ['frontier', { ...data, frontier: limit - 1n }],
    ['asOf.time', { ...data, asOf: { round: 1, time: Number.NaN } }],
  ]
  for (const [field, bad] of wrong) {
    const out = folder()
    await expect(renderSite(bad, out, { certificates: certificatesOf(data) })).rejects.toThrow(field)
    expect(filesOf(out).size).toBe(0)
  }
})

test('a certificate that is missing or of another length is refused', async () => {
  const data = sample(1)
  await expect(renderSite(data, folder(), { certificates: new Map() })).rejects.toThrow('was not given')
  const cut = new Map([['window-2147483648.json', new Uint8Array(3)]])
  await expect(renderSite(data, folder(), { certificates: cut })).rejects.toThrow('has 3 bytes; the data says')
})

test('a later rendering removes what the earlier one wrote and leaves the rest alone', async () => {
  const out = folder()
  await rendered(sample(3), out)
  writeFileSync(join(out, 'windows', '2147483650', 'notes.txt'), 'mine')
  const files = await rendered(sample(1), out)
  expect(files.has('windows/2147483650/index.html')).toBe(false)
  expect(files.has('certificates/window-2147483650.json')).toBe(false)
  expect(files.get('windows/2147483650/notes.txt')?.toString()).toBe('mine')
  files.delete('windows/2147483650/notes.txt')
  expect(files).toEqual(await rendered(sample(1)))
})

test('a folder with files of somebody else is refused and stays as it is', async () => {
  const out = folder()
  writeFileSync(join(out, 'thesis.tex'), 'mine')
  await expect(rendered(sample(1), out)).rejects.toThrow('holds files that collatz did not write')
  expect([...filesOf(out).keys()]).toEqual(['thesis.tex'])
})

test('a file or a link in the way of a page is refused before anything is written', async () => {
  const out = folder()
  const elsewhere = folder()
  await rendered(sample(0), out)
  const before = filesOf(out)
  mkdirSync(join(out, 'certificates'))
  writeFileSync(join(out, 'certificates', 'window-2147483648.json'), 'mine')
  await expect(rendered(sample(1), out)).rejects.toThrow('is in the way')
  const linked = folder()
  await rendered(sample(0), linked)
  symlinkSync(elsewhere, join(linked, 'certificates'))
  await expect(rendered(sample(1), linked)).rejects.toThrow('is in the way')
  expect(filesOf(elsewhere).size).toBe(0)
  expect(filesOf(linked)).toEqual(before)
})

test('a damaged list of what was written stops the rendering', async () => {
  const out = folder()
  await rendered(sample(1), out)
  writeFileSync(join(out, '.collatz-site'), '../../home\n')
  await expect(rendered(sample(1), out)).rejects.toThrow('is damaged')
})
