/** Debian's chromium: the browser of the page's tests, and (SwiftShader) a software Vulkan driver for the GPU's. */
import { existsSync } from 'node:fs'

export const CHROMIUM = '/usr/bin/chromium'
export const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'

export const hasChromium = (): boolean => existsSync(CHROMIUM)
export const hasSwiftShader = (): boolean => existsSync(SWIFTSHADER)

/** Installs it where that is possible. @returns what happened, for the log */
export async function ensureChromium(): Promise<string> {
  if (hasChromium()) return 'chromium is there'
  if (process.getuid?.() !== 0 || !Bun.which('apt-get')) {
    return 'no chromium, and not root on a system with apt: tests of the page in a browser and of the GPU are skipped'
  }
  console.log('Installing chromium for the tests ...')
  const apt = (...args: string[]) =>
    Bun.spawn(['apt-get', '-qq', ...args], {
      stdout: 'ignore',
      stderr: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    }).exited
  await apt('update')
  await apt('install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core')
  return hasChromium() ? 'installed chromium' : 'chromium could not be installed: the tests that need it are skipped'
}
