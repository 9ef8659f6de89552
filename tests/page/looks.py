"""What a person with poor sight, a screen reader or thick fingers would trip over, measured."""

from pathlib import Path

from tests.support.page import Page

SCHEMES = ("light", "dark")

_FAULTS = r"""
(() => {
  const faults = [];
  const shown = e => e.checkVisibility() && e.getBoundingClientRect().width > 2;
  const what = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '.' + e.className);

  for (const e of document.querySelectorAll('button, a, input')) {
    if (!shown(e)) continue;
    const label = e.labels && e.labels[0];
    const by = e.getAttribute('aria-label') || e.innerText || (label && label.innerText) || '';
    if (!by.trim()) faults.push('no name: ' + what(e));
    const r = (label && label.contains(e) ? label : e).getBoundingClientRect();
    if (r.height < 47.5 || r.width < 47.5) faults.push('too small: ' + what(e));
    if (r.left < 0 || r.right > innerWidth + 0.5) faults.push('outside: ' + what(e));
  }
  for (const e of document.querySelectorAll('svg')) {
    if (e.getAttribute('aria-hidden') !== 'true') faults.push('icon is read aloud');
  }
  for (const e of document.querySelectorAll('video')) {
    if (shown(e) && !e.getAttribute('aria-label') && e.getAttribute('aria-hidden') !== 'true'
        && e.id !== 'screen') faults.push('video without a name');
  }
  if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
  if (!document.querySelector('main')) faults.push('no main');
  if (document.scrollingElement.scrollWidth > innerWidth) faults.push('scrolls sideways');

  const parse = text => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !shown(e) || e.closest('.own, .away')) continue;
    if (e.closest(':disabled')) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(parse(style.color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ` + walk.currentNode.textContent);
    if (parseFloat(style.fontSize) < 14) faults.push('small print: ' + walk.currentNode.textContent);
    if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
      faults.push('cut off: ' + walk.currentNode.textContent);
  }
  return faults;
})()
"""

_FOREIGN = """
import('/page/strings.js').then(s => {
  const text = document.body.innerText, lang = document.documentElement.lang;
  const other = lang === 'sw' ? 'en' : 'sw';
  return s.KEYS.map(k => s.words(other, k)).filter(
    w => w.length > 6 && !w.includes('{') && text.includes(w)
      && !s.KEYS.some(k => s.words(lang, k).includes(w)));
})
"""


async def faults(page: Page, name: str, folder: Path) -> list[str]:
    """Measure the screen in light and dark, keep a picture of each, and return what is wrong."""
    found = []
    for scheme in SCHEMES:
        await page.call(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )
        await page.screenshot(folder / f"{name}-{scheme}.png", full_page=True)
        found += [f"{name} {scheme}: {fault}" for fault in await page.evaluate(_FAULTS)]
    found += [f"{name}: other language: {word}" for word in await page.evaluate(_FOREIGN)]
    return found
