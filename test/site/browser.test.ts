/**
 * The pages in a real browser with JavaScript off, under a gateway's prefix and from the disk. Skipped, with the reason in
 * the tests' names, where Chromium is not installed.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { renderSite } from '../../site/render.ts'
import { type SiteServer, serveSite } from '../../site/serve.ts'
import { folder, removeFolders } from './folder.ts'
import { account, certificatesOf, key, sample, window } from './sample.ts'

afterAll(removeFolders)

const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const reason = chromiumPath ? '' : ' (skipped: no Chromium in /usr/bin; Debian has it as the package chromium)'

/** A browser on a busy machine. */
setDefaultTimeout(2_400_000)

const SIZES = [
  { width: 360, height: 740 },
  { width: 1280, height: 900 },
]
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const first = 2n ** 31n

describe.skipIf(!chromiumPath)(`in a browser without JavaScript${reason}`, () => {
  let browser: Browser
  let dir: string
  let empty: SiteServer
  let full: SiteServer

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath!, args: FLAGS })
    dir = folder()
    const accounts = [
      account(0),
      account(1, { name: 'W'.repeat(200) }),
      account(2, { name: null, level: 'BANNED' }),
      account(3, { name: '\u202Eمرحبا <img src=x onerror=alert(1)>' }),
      ...Array.from({ length: 30 }, (_, i) => account(4 + i)),
    ]
    const windows = [...sample(120).windows, window(122)]
    const gaps = [first + 120n, first + 121n]
    const data = sample(120, { windows, gaps, accounts })
    await renderSite(data, dir, { certificates: certificatesOf(data) })
    full = await serveSite(dir, { port: 0, hostname: '127.0.0.1', prefix: '/ipfs/bafytest' })
    const nothing = folder()
    await renderSite(sample(0), nothing, { certificates: new Map() })
    empty = await serveSite(nothing, { port: 0, hostname: '127.0.0.1' })
  })
  afterAll(async () => {
    await browser?.close()
    await full?.stop()
    await empty?.stop()
  })

  /** A page and everything it complains of: messages, failed requests, requests to anybody else. */
  async function open(options: BrowserContextOptions): Promise<{ page: Page; trouble: string[] }> {
    const context = await browser.newContext({ javaScriptEnabled: false, ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(2_400_000)
    const trouble: string[] = []
    const own = [new URL(full.url).origin, new URL(empty.url).origin]
    page.on('console', (message) => trouble.push(`console: ${message.text()}`))
    page.on('requestfailed', (request) => trouble.push(`failed: ${request.url()}`))
    page.on('request', (request) => {
      if (!request.url().startsWith('file:') && !own.includes(new URL(request.url()).origin)) {
        trouble.push(`foreign: ${request.url()}`)
      }
    })
    page.on('response', (response) => {
      if (response.status() >= 400) trouble.push(`${response.status()}: ${response.url()}`)
    })
    return { page, trouble }
  }

  const overflow = (page: Page): Promise<string[]> =>
    page.evaluate(() => {
      const width = document.documentElement.clientWidth
      const wide = [...document.querySelectorAll('body *')].filter((element) => {
        const box = element.getBoundingClientRect()
        return box.width > 0 && box.right > width + 0.5
      })
      const scrolls = document.documentElement.scrollWidth > width ? ['the page scrolls sideways'] : []
      return [...scrolls, ...wide.map((element) => `${element.tagName} ${element.className}`)]
    })

  for (const viewport of SIZES) {
    for (const colorScheme of ['light', 'dark'] as const) {
      test(`every page fits ${viewport.width} px, asks for nothing foreign and misses nothing, ${colorScheme}`, async () => {
        const { page, trouble } = await open({ viewport, colorScheme })
        const paths = ['', 'windows/', `windows/${first}/`, `windows/${first + 120n}/`, 'accounts/', 'believe/']
        const people = [0, 1, 2, 3].map((i) => `accounts/${key(i)}/`)
        const urls = [...[...paths, ...people].map((path) => full.url + path), empty.url, `${empty.url}windows/`]
        for (const url of urls) {
          await page.goto(url)
          expect([url, await overflow(page)]).toEqual([url, []])
        }
        expect(trouble).toEqual([])
        await page.context().close()
      })
    }
  }

  test('the whole site is reached by its links, under the prefix and from the disk', async () => {
    for (const start of [full.url, pathToFileURL(join(dir, 'index.html')).href]) {
      const { page, trouble } = await open({})
      await page.goto(start)
      await page.click('text=Evidence')
      expect(await page.textContent('h1')).toBe('Why believe it')
      await page.click('nav >> text=Windows')
      // Half a table has a last row too.
      await page.waitForLoadState()
      await page.click('tbody tr:last-child a')
      expect(await page.title()).toBe(`Window ${first} · collatz`)
      await page.click('[rel=next]')
      expect(await page.title()).toBe(`Window ${first + 1n} · collatz`)
      await page.click('nav >> text=Accounts')
      await page.click('text=worker 0')
      expect(await page.textContent('h1')).toBe('worker 0')
      await page.click('header >> text=collatz')
      expect(await page.title()).toStartWith('Every n below')
      // The style sheet is in force: the policy lets it in from both places.
      expect(await page.evaluate(() => getComputedStyle(document.body).maxWidth)).not.toBe('none')
      expect(trouble).toEqual([])
      await page.context().close()
    }
  })

  test('a certificate is downloaded byte for byte', async () => {
    const { page } = await open({})
    await page.goto(`${full.url}windows/${first}/`)
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=.json >> nth=0')])
    expect(download.suggestedFilename()).toBe(`window-${first}.json`)
    const text = await Bun.file(await download.path()).text()
    expect(text).toBe(Buffer.from(certificatesOf(sample(1)).get(`window-${first}.json`)!).toString())
    await page.context().close()
  })

  test('an unknown address deep below the prefix is styled and leads back', async () => {
    const { page } = await open({})
    const response = await page.goto(`${full.url}a/b/c`)
    expect(response?.status()).toBe(404)
    expect(await page.evaluate(() => getComputedStyle(document.body).maxWidth)).not.toBe('none')
    await page.click('text=The frontier')
    expect(page.url()).toBe(`${full.url}index.html`)
    await page.context().close()
  })

  test('numbers are copied without their gaps, and powers with their caret', async () => {
    const { page } = await open({ viewport: SIZES[0] })
    await page.goto(full.url)
    const copied = (selector: string): Promise<string> =>
      page.evaluate((name) => {
        const selection = getSelection()!
        selection.selectAllChildren(document.querySelector(name)!)
        return selection.toString()
      }, selector)
    const limit = 2n ** 71n + 120n * 2n ** 40n
    expect(await copied('.decimal .num')).toBe(limit.toString())
    expect(await copied('.display .bound')).toBe('2^71 + 120·2^40')
    await page.context().close()
  })

  test('the keyboard starts at a visible skip link and every stop shows its focus', async () => {
    const { page } = await open({})
    await page.goto(full.url)
    await page.keyboard.press('Tab')
    const skip = await page.evaluate(() => {
      const { top, height } = document.activeElement!.getBoundingClientRect()
      return { text: document.activeElement!.textContent, top, height }
    })
    expect(skip.text).toBe('Skip to the content')
    expect(skip.top).toBeGreaterThanOrEqual(0)
    expect(skip.height).toBeGreaterThan(20)
    for (let stop = 0; stop < 12; stop++) {
      await page.keyboard.press('Tab')
      expect(await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)).toBe('solid')
    }
    await page.context().close()
  })

  test('text stands out from its ground by 4.5 to 1 or more, light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await open({ colorScheme })
      for (const path of ['', 'windows/', `windows/${first}/`, `accounts/${key(2)}/`, 'believe/']) {
        await page.goto(full.url + path)
        const faint = await page.evaluate(() => {
          const channels = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number)
          const luminance = (color: string): number => {
            const [r = 0, g = 0, b = 0] = channels(color)
              .slice(0, 3)
              .map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
            return 0.2126 * r + 0.7152 * g + 0.0722 * b
          }
          const ground = (element: Element): string => {
            const { backgroundColor } = getComputedStyle(element)
            if (channels(backgroundColor)[3] !== 0) return backgroundColor
            return element.parentElement === null ? 'rgb(255, 255, 255)' : ground(element.parentElement)
          }
          return [...document.querySelectorAll('body *')]
            .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent?.trim()))
            .flatMap((element) => {
              const style = getComputedStyle(element)
              const color = element.closest('svg') === null ? style.color : style.fill
              const [a, b] = [luminance(color), luminance(ground(element))].sort((x, y) => y - x)
              const ratio = (a! + 0.05) / (b! + 0.05)
              return ratio < 4.5 ? [`${element.tagName} ${element.className} ${ratio.toFixed(2)}`] : []
            })
        })
        expect([path, faint]).toEqual([path, []])
      }
      await page.context().close()
    }
  })
})
