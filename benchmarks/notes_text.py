"""Made-up notes to train a dictionary on, and others, of other sentences, to measure it with.

No sentence of one pool is in the other, so the measurement does not flatter the dictionary by
sentences it has seen; both pools were written by the same hand, which still does a little. No text
of a patient was ever used: a dictionary is shipped to everybody.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """Sentences by section, with ``{n}``, ``{dose}``, ``{days}`` and ``{temp}`` to fill in."""

    subjective: tuple[str, ...]
    objective: tuple[str, ...]
    assessment: tuple[str, ...]
    plan: tuple[str, ...]


TRAINING = Pool(
    (
        "Cough for {days} days, worse at night, with yellow sputum.",
        "Fever since {days} days, shivering in the evening.",
        "Itching rash on both arms for {days} weeks, no new soap or food.",
        "Headache and body pains, no stiff neck, no vomiting.",
        "Mother says the child feeds well and is active.",
        "Abdominal pain, cramping, comes and goes, no blood in the stool.",
        "Loose stool {n} times a day, no blood, drinks well.",
        "Known hypertension, takes the medicines regularly, no chest pain.",
        "Known diabetes type 2, fasting sugar at home around {n} mmol/l.",
        "Burning when passing urine for {days} days, no back pain.",
        "Pregnant, {n} weeks, fetal movements felt, no bleeding.",
        "Shortness of breath when walking, sleeps on two pillows.",
        "Sore throat and painful swallowing since {days} days.",
        "No known allergies. No regular medicines.",
        "Low back pain after lifting, no weakness, no numbness.",
        "Feels sad and tired, sleeps badly, no thoughts of self-harm.",
        "Wound on the lower leg for {days} weeks, dressed at the dispensary.",
        "Anaendelea vizuri, hana homa tena, anakula vizuri.",
        "Anakohoa kwa siku {days}, usiku zaidi.",
    ),
    (
        "Temp {temp}, pulse {n}, BP {n}/{n}, SpO2 {n} %.",
        "Alert, well hydrated, no distress over video.",
        "Chest: speaks in full sentences, no visible retractions.",
        "Skin: dry scaly plaques on the flexures, no signs of infection.",
        "Abdomen soft according to the nurse, no guarding.",
        "Throat red, tonsils enlarged, no exudate seen on the photo.",
        "Weight {n} kg, height {n} cm.",
        "No oedema of the legs, no jaundice, no pallor.",
        "Ulcer about {n} x {n} cm, clean edges, little discharge.",
        "Malaria rapid test negative. Urine dipstick: leucocytes ++.",
        "Ears not examined. Neck supple.",
        "Blood sugar {n} mmol/l at random.",
    ),
    (
        "Upper respiratory tract infection, probably viral.",
        "Atopic eczema, flare, not infected.",
        "Hypertension, not controlled.",
        "Type 2 diabetes, fair control.",
        "Uncomplicated urinary tract infection.",
        "Acute gastroenteritis without dehydration.",
        "Suspected malaria, test negative, review if fever persists.",
        "Normal pregnancy, {n} weeks.",
        "Mechanical low back pain, no red flags.",
        "Depressive episode, mild.",
        "Venous ulcer, improving.",
        "Community acquired pneumonia, mild.",
    ),
    (
        "Paracetamol {dose} mg by mouth every 6 hours when needed, at most 4 times a day.",
        "Amoxicillin {dose} mg by mouth 3 times a day for {days} days.",
        "Hydrocortisone 1 % cream twice a day for {days} days, then emollient.",
        "Oral rehydration solution after each loose stool, zinc 20 mg daily for 10 days.",
        "Amlodipine {dose} mg once a day, check BP in {days} weeks.",
        "Metformin {dose} mg twice a day with meals.",
        "Come back at once if breathing gets worse, or if the child cannot drink.",
        "Review by video in {days} days.",
        "Refer to the district hospital for chest X-ray.",
        "Nitrofurantoin {dose} mg twice a day for 5 days.",
        "Drink enough, rest, return if the fever stays longer than {days} days.",
        "Dressing every second day at the dispensary.",
        "Explained to the patient, who agrees with the plan.",
    ),
)

HELD_OUT = Pool(
    (
        "Came because of a runny nose and sneezing, mostly in the morning.",
        "He reports pain in the right knee after a fall from a motorbike {days} days ago.",
        "Vomited {n} times since yesterday, keeps small sips of water down.",
        "The grandmother noticed pale eyes and that the boy tires quickly.",
        "Vaginal discharge with smell, itches, period {n} days late.",
        "Dizziness on standing up, drinks little during work in the field.",
        "Ran out of blood pressure tablets {days} weeks ago.",
        "White patches on the tongue, painful when eating hot food.",
        "Second visit for the burn of the hand; pain is much less.",
        "Tingling of the feet at night, long-standing sugar disease.",
        "Mtoto anaharisha tangu jana, hanyonyi kama kawaida.",
        "Palpitations in the evening, drinks {n} cups of coffee a day.",
    ),
    (
        "Looks unwell but answers questions clearly; temperature {temp}.",
        "Knee swollen, movement limited to {n} degrees, skin closed.",
        "Conjunctivae pale on the picture; heart rate {n} per minute.",
        "Burn dry, new skin at the borders, {n} by {n} centimetres left.",
        "Tongue with removable white coating, gums normal.",
        "Pressure lying {n}/{n}, standing {n}/{n}.",
        "Haemoglobin {n} g/dl by the local laboratory.",
        "Sensation to monofilament reduced at both big toes.",
    ),
    (
        "Allergic rhinitis.",
        "Soft tissue injury of the knee; fracture not excluded.",
        "Iron deficiency anaemia is likely.",
        "Oral thrush; offer an HIV test.",
        "Superficial burn that heals as expected.",
        "Bacterial vaginosis suspected, pregnancy to be excluded.",
        "Diabetic neuropathy of the feet.",
        "Orthostatic symptoms from too little fluid.",
    ),
    (
        "Loratadine {dose} mg in the evening for {days} days.",
        "X-ray of the knee tomorrow; until then no weight on it, ibuprofen {dose} mg after food.",
        "Ferrous sulfate {dose} mg daily for three months, deworming with albendazole 400 mg once.",
        "Nystatin drops 1 ml four times daily for {days} days.",
        "Metronidazole {dose} mg twice daily for a week; no alcohol.",
        "Start again with enalapril {dose} mg; measure pressure at the health post each week.",
        "Foot care was shown; new shoes without seams.",
        "Call us when there is blood, high fever, or no urine for half a day.",
        "Next appointment after {days} weeks, by phone if the network is bad.",
    ),
)


def sentence(rng: random.Random, pool: tuple[str, ...]) -> str:
    """Draw one sentence and fill in its numbers."""
    return rng.choice(pool).format(
        n=rng.randint(2, 160),
        dose=rng.choice((5, 10, 20, 100, 200, 250, 400, 500, 850)),
        days=rng.randint(2, 14),
        temp=f"{rng.uniform(36, 40):.1f}",
    )


def note(rng: random.Random, pool: Pool) -> dict[str, str]:
    """Make one note: some sentences in each section."""
    return {
        letter: " ".join(sentence(rng, sentences) for _ in range(rng.randint(1, most)))
        for letter, sentences, most in (
            ("S", pool.subjective, 5),
            ("O", pool.objective, 4),
            ("A", pool.assessment, 2),
            ("P", pool.plan, 5),
        )
    }
