// Every word that the patient sees: [English, Kiswahili]. The Kiswahili still has to be read by two
// Swahili-speaking clinicians and tried with patients (docs/patient-page.md).

const STRINGS = {
  title: ["Video visit", "Miadi ya video"],
  language: ["Language", "Lugha"],
  invited: [
    "Your clinic has invited you to a video visit.",
    "Kliniki yako imekualika kwenye miadi ya video.",
  ],
  step1: ["Tell us who you are", "Tuambie wewe ni nani"],
  step2: ["Check camera, sound and network", "Jaribu kamera, sauti na mtandao"],
  step3: ["Wait here until the doctor calls", "Subiri hapa hadi daktari apige"],
  with: ["with {name}", "na {name}"],
  today: ["today at {time}", "leo saa {time}"],
  onDay: ["{day} at {time}", "{day}, saa {time}"],
  who: ["Who is joining?", "Nani anajiunga?"],
  me: ["I am {name}", "Mimi ni {name}"],
  help: ["I am helping {name}", "Ninamsaidia {name}"],
  yourName: ["Your name", "Jina lako"],
  yourNameWhy: ["You, who are helping", "Wewe unayesaidia"],
  yob: ["Year of birth", "Mwaka wa kuzaliwa"],
  alsoHere: ["Also in the call: {names}", "Pia wapo kwenye simu: {names}"],
  patient: ["patient", "mgonjwa"],
  carer: ["carer", "mlezi"],
  interpreter: ["interpreter", "mkalimani"],
  colleague: ["clinician", "mhudumu wa afya"],
  guestOf: ["You join the visit of {name} as {role}.", "Unajiunga na miadi ya {name} kama {role}."],
  guestName: ["So that everybody knows who is there", "Ili kila mtu ajue nani yupo"],
  yobOf: ["Year of birth of {name}", "Mwaka wa kuzaliwa wa {name}"],
  yobWhy: ["So that we know we have the right person", "Ili tuhakikishe ni mtu sahihi"],
  know1: [
    "Only you and your care team. It is not recorded.",
    "Ni wewe na wahudumu wako tu. Hairekodiwi.",
  ],
  know2: [
    "You may stop at any time. Your care stays the same.",
    "Unaweza kuacha wakati wowote. Huduma yako haitabadilika.",
  ],
  know3: [
    "Video: about 6 MB a minute. Sound only: under 1 MB.",
    "Video: takriban MB 6 kwa dakika. Sauti pekee: chini ya MB 1.",
  ],
  agree: ["I agree to care by video or sound", "Nakubali kuhudumiwa kwa video au sauti"],
  agreePhotos: [
    "The doctor may take photos for my record (you may say no)",
    "Daktari anaweza kupiga picha za rekodi yangu (si lazima)",
  ],
  go: ["Continue", "Endelea"],
  opening: ["Opening", "Inafungua"],
  checking: ["Checking", "Inahakikisha"],
  needName: ["Write your name.", "Andika jina lako."],
  needYear: ["Write the year with four digits, like 1959.", "Andika mwaka kwa tarakimu nne, kama 1959."],
  needAgree: ["Tick the first box to go on.", "Weka alama kwenye kisanduku cha kwanza ili uendelee."],
  wrongYear: [
    "That year does not match. Try again, or phone the clinic.",
    "Mwaka huo haulingani. Jaribu tena, au piga simu kliniki.",
  ],
  noTries: [
    "The year did not match three times. Phone the clinic, and they will help you.",
    "Mwaka haukulingana mara tatu. Piga simu kliniki, watakusaidia.",
  ],
  check: ["Check your phone", "Jaribu simu yako"],
  checkWhy: [
    "The doctor needs to see and hear you. Your phone will ask: please allow the camera and microphone.",
    "Daktari anahitaji kukuona na kukusikia. Simu yako itauliza: tafadhali ruhusu kamera na kipaza sauti.",
  ],
  allow: ["Allow camera and microphone", "Ruhusu kamera na kipaza sauti"],
  allowMic: ["Allow the microphone", "Ruhusu kipaza sauti"],
  asking: ["Please allow the camera and microphone.", "Tafadhali ruhusu kamera na kipaza sauti."],
  blockedCamera: [
    "The camera is blocked. You can use sound only.",
    "Kamera imezuiwa. Unaweza kutumia sauti pekee.",
  ],
  blockedMic: [
    "The microphone is blocked. Allow it, or phone the clinic.",
    "Kipaza sauti kimezuiwa. Kiruhusu, au piga simu kliniki.",
  ],
  busyCamera: [
    "Another app is using the camera. Close it and try again, or use sound only.",
    "Programu nyingine inatumia kamera. Ifunge ujaribu tena, au tumia sauti pekee.",
  ],
  noCamera: [
    "No camera was found. You can use sound only.",
    "Kamera haikupatikana. Unaweza kutumia sauti pekee.",
  ],
  how: ["How to allow it", "Jinsi ya kuruhusu"],
  how1: ["Touch the lock beside the address", "Gusa kufuli kando ya anwani"],
  how2: ["Open Permissions or Settings", "Fungua Ruhusa au Mipangilio"],
  how3: ["Allow camera and microphone", "Ruhusu kamera na kipaza sauti"],
  again: ["Try again", "Jaribu tena"],
  see: ["We can see you", "Tunakuona"],
  seeWait: ["Looking for the picture", "Tunatafuta picha"],
  light: ["Light is good", "Mwanga unatosha"],
  dark: ["It is dark. Turn to a lamp or window.", "Kuna giza. Geukia taa au dirisha."],
  hear: ["We can hear you", "Tunakusikia"],
  hearWait: ["We cannot hear you yet", "Bado hatukusikii"],
  speak: ["Say a few words", "Sema maneno machache"],
  sound: ["Did you hear the sound?", "Je, umesikia sauti?"],
  soundYes: ["You can hear us", "Unatusikia"],
  louder: ["Turn the volume up.", "Ongeza sauti."],
  playAgain: ["Play again", "Cheza tena"],
  yes: ["Yes", "Ndiyo"],
  no: ["No", "Hapana"],
  net: ["Network", "Mtandao"],
  netWait: ["Measuring", "Inapima"],
  netVideo: ["Good enough for video", "Unatosha kwa video"],
  netSound: ["Good enough for sound", "Unatosha kwa sauti"],
  netWeak: ["Weak. Move to a place with better network.", "Dhaifu. Sogea penye mtandao bora."],
  room: ["Go to the waiting room", "Nenda chumba cha kusubiri"],
  soundOnlyUse: ["Use sound only", "Tumia sauti pekee"],
  soundOnlyNow: ["You have chosen sound only.", "Umechagua sauti pekee."],
  useVideo: ["Use video", "Tumia video"],
  ready: ["The doctor is ready for you.", "Daktari yuko tayari kukuona."],
  waiting: ["You are in the waiting room", "Uko kwenye chumba cha kusubiri"],
  seen: ["{name} can see that you are here.", "{name} anaona kwamba umefika."],
  nobody: [
    "The clinic is not online just now. Stay here, or phone the clinic.",
    "Kliniki haiko mtandaoni kwa sasa. Subiri hapa, au piga simu kliniki.",
  ],
  next: ["You are next", "Wewe ndiye unayefuata"],
  before1: ["1 person before you", "Kuna mtu 1 kabla yako"],
  before: ["{n} people before you", "Kuna watu {n} kabla yako"],
  keepOpen: [
    "Keep this page open. We will ring when the doctor is ready.",
    "Usifunge ukurasa huu. Utasikia mlio daktari akiwa tayari.",
  ],
  charge: ["Charge your phone if you can.", "Chaji simu yako ukiweza."],
  message: ["Message from the clinic", "Ujumbe kutoka kliniki"],
  worse: ["I feel worse, I need help now", "Nazidiwa, nahitaji msaada sasa"],
  worseAsk: ["Shall we tell the nurse now?", "Tumjulishe muuguzi sasa?"],
  worseYes: ["Yes, tell the nurse", "Ndiyo, mjulishe muuguzi"],
  worseSending: ["Telling the nurse", "Tunamjulisha muuguzi"],
  worseTold: [
    "We have told the nurse. Stay near your phone.",
    "Tumemjulisha muuguzi. Kaa karibu na simu yako.",
  ],
  danger: [
    "If you are in danger now, go to the nearest hospital.",
    "Ikiwa uko hatarini sasa, nenda hospitali iliyo karibu.",
  ],
  phone: ["Phone the clinic", "Piga simu kliniki"],
  lost: ["Looking for the network. Stay here.", "Tunatafuta mtandao. Subiri hapa."],
  calling: ["The doctor is calling", "Daktari anapiga"],
  joining: ["Connecting you to the doctor", "Tunakuunganisha na daktari"],
  linkGood: ["Network is good", "Mtandao ni mzuri"],
  linkWeak: ["Network is weak", "Mtandao ni dhaifu"],
  videoOff: [
    "Video is off so that the doctor can hear you well. Keep talking.",
    "Video imezimwa ili daktari akusikie vizuri. Endelea kuzungumza.",
  ],
  videoChosen: [
    "The doctor has chosen voice without video. Keep talking.",
    "Daktari amechagua sauti bila video. Endelea kuzungumza.",
  ],
  micGone: [
    "The doctor cannot hear you: the microphone is gone or not allowed.",
    "Daktari hakusikii: maikrofoni haipo au haijaruhusiwa.",
  ],
  cameraGone: [
    "The camera has stopped. The doctor still hears you.",
    "Kamera imesimama. Daktari bado anakusikia.",
  ],
  allowAgain: [
    "Close other apps that use it, and allow it for this page.",
    "Funga programu nyingine zinazoitumia, na uiruhusu kwa ukurasa huu.",
  ],
  tryAgain: ["Try again", "Jaribu tena"],
  goOnWithout: ["Go on without", "Endelea bila"],
  askPhoto: ["The doctor asks for a photo", "Daktari anaomba picha"],
  photoNoYet: [
    "You did not agree to photos before. Take one only if you agree now.",
    "Hukukubali picha hapo awali. Piga tu ikiwa unakubali sasa.",
  ],
  hold: ["Hold still", "Tulia"],
  takePhoto: ["Take photo", "Piga picha"],
  notNow: ["Not now", "Sio sasa"],
  photoSending: ["Sending the photo: {part} %", "Inatuma picha: {part} %"],
  photoSent: ["The photo was sent", "Picha imetumwa"],
  photoNotSent: ["The photo was not sent", "Picha haikutumwa"],
  photoFailed: ["The photo was not sent. Try again.", "Picha haikutumwa. Jaribu tena."],
  mute: ["Mute", "Nyamazisha"],
  unmute: ["Unmute", "Washa sauti"],
  turn: ["Turn camera", "Geuza kamera"],
  soundOnly: ["Sound only", "Sauti tu"],
  videoOn: ["Video on", "Washa video"],
  end: ["End", "Maliza"],
  endAsk: ["End the visit?", "Umalize miadi?"],
  goOn: ["Go on", "Endelea"],
  tapToHear: ["Touch to hear the doctor", "Gusa ili umsikie daktari"],
  you: ["You", "Wewe"],
  doctor: ["The doctor", "Daktari"],
  ended: ["Your visit has ended", "Miadi yako imekamilika"],
  agreed: ["What we agreed", "Tulichokubaliana"],
  atOnce: [
    "Phone us at once if you feel worse.",
    "Tupigie simu mara moja ukizidiwa.",
  ],
  rate: ["How was the call?", "Simu ilikuwaje?"],
  good: ["Good", "Nzuri"],
  fair: ["Fair", "Wastani"],
  poor: ["Poor", "Mbaya"],
  thanks: ["Thank you.", "Asante."],
  nothingStays: [
    "Nothing stays on this phone after you close the page.",
    "Hakuna kinachobaki kwenye simu hii ukifunga ukurasa.",
  ],
  stop: ["This link does not open", "Kiungo hiki hakifunguki"],
  expired: [
    "This link has expired. Phone the clinic for a new one.",
    "Kiungo hiki kimekwisha muda. Piga simu kliniki upate kingine.",
  ],
  used: [
    "This link was already opened on another phone or window. Go back there, or phone the clinic for a new one.",
    "Kiungo hiki kimeshafunguliwa kwenye simu au dirisha jingine. Rudi huko, au piga simu kliniki upate kingine.",
  ],
  early: [
    "It is too early. Open this link again nearer to your visit.",
    "Bado ni mapema. Fungua kiungo hiki tena karibu na muda wa miadi.",
  ],
  incomplete: [
    "Part of the link is missing. Open it again from your message, or phone the clinic.",
    "Sehemu ya kiungo inakosekana. Kifungue tena kutoka kwenye ujumbe, au piga simu kliniki.",
  ],
  elsewhere: [
    "This visit is now open in another window.",
    "Miadi hii sasa imefunguliwa kwenye dirisha jingine.",
  ],
  oldBrowser: [
    "This browser cannot open a video visit. Use a newer Chrome or Safari, or phone the clinic.",
    "Kivinjari hiki hakiwezi kufungua miadi ya video. Tumia Chrome au Safari mpya zaidi, au piga simu kliniki.",
  ],
  broken: [
    "Something on this page is broken. Load it again, or phone the clinic.",
    "Kuna hitilafu kwenye ukurasa huu. Ufungue tena, au piga simu kliniki.",
  ],
  notReached: [
    "The clinic could not be reached. Check your network and try again.",
    "Kliniki haikupatikana. Angalia mtandao wako ujaribu tena.",
  ],
  busy: ["The clinic is busy. Try again in a minute.", "Kliniki ina shughuli nyingi. Jaribu tena baada ya dakika moja."],
};

/** The words for `key` in "en" or "sw", with `{name}` places filled. */
export function words(lang, key, values) {
  const text = STRINGS[key][lang === "sw" ? 1 : 0];
  return text.replace(/\{(\w+)\}/g, (whole, name) => (values && name in values ? values[name] : whole));
}

/** A clinician's name as the language writes it. */
export function clinician(lang, name) {
  return lang === "sw" ? name.replace(/^Dr\.?\s/, "Dkt. ") : name;
}

const pad = (number) => String(number).padStart(2, "0");

/** Swahili time counts from six in the morning: 09:40 is "3:40 asubuhi (09:40)". */
export function clock(lang, hour, minute) {
  const plain = pad(hour) + ":" + pad(minute);
  if (lang !== "sw") return plain;
  const part =
    hour < 5 || hour >= 19 ? "usiku" : hour < 12 ? "asubuhi" : hour < 16 ? "mchana" : "jioni";
  return ((hour + 5) % 12) + 1 + ":" + pad(minute) + " " + part + " (" + plain + ")";
}

/** Unix ms or an ISO date and time in words ("today at 09:40"); any other text as it stands. */
export function when(lang, startsAt, now) {
  const unix = /^\d{12,14}$/.test(startsAt);
  if (!unix && !/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(startsAt)) return startsAt;
  const date = new Date(unix ? Number(startsAt) : startsAt);
  if (isNaN(date.getTime())) return startsAt;
  const time = clock(lang, date.getHours(), date.getMinutes());
  if (date.toDateString() === now.toDateString()) return words(lang, "today", { time });
  const day = date.toLocaleDateString(lang === "sw" ? "sw-KE" : "en-GB", {
    weekday: "long",
    day: "numeric",
    month: "long",
  });
  return words(lang, "onDay", { day, time });
}

export const KEYS = Object.keys(STRINGS);
