"""The Spanish of the sarcasm view: words in sets of like meaning, and the phrases that its sentences are put together from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

TOPICS = {  # topic -> six nouns with their article, three places
    "cocina": ("el café,la sopa,el pastel,la ensalada,el pan,la salsa", "en la cocina,en el comedor,en la terraza"),
    "oficina": (
        "el informe,la reunión,el contrato,la impresora,el horario,la agenda",
        "en la oficina,en el ascensor,en recepción",
    ),
    "viaje": ("el vuelo,la maleta,el hotel,la playa,el mapa,la excursión", "en el aeropuerto,en el muelle,en la frontera"),
    "escuela": ("el examen,la clase,el cuaderno,la tarea,el recreo,la biblioteca", "en la escuela,en el patio,en el aula"),
    "boda": ("el vestido,la ceremonia,el brindis,la orquesta,el ramo,la tarta", "en la boda,en la iglesia,en el banquete"),
    "fútbol": ("el partido,la final,el árbitro,la grada,el balón,la defensa", "en el estadio,en la cancha,en el vestuario"),
    "clínica": ("el doctor,la enfermera,el jarabe,la vacuna,el quirófano,la receta", "en la clínica,en urgencias,en la consulta"),
    "teatro": ("el telón,la obra,el actor,la butaca,el guion,la comedia", "en el teatro,en el camerino,en el ensayo"),
    "espías": ("el plan,la misión,el disfraz,la linterna,el agente,la clave", "en el cuartel,en la azotea,en el escondite"),
    "taller": ("el motor,la rueda,el freno,la herramienta,el volante,la factura", "en el taller,en el garaje,en la gasolinera"),
    "animales": ("el perro,la gata,el loro,la tortuga,el acuario,la jaula", "en el parque,en el zoológico,en la granja"),
    "jardín": ("el césped,la manguera,el rosal,la fuente,el abono,la sombra", "en el jardín,en el huerto,en el invernadero"),
    "red": ("el teclado,la pantalla,el virus,la contraseña,el servidor,la copia", "en la red,en el sótano,en el laboratorio"),
    "tienda": ("el abrigo,la corbata,el descuento,la oferta,el recibo,la camisa", "en la tienda,en el mercado,en la caja"),
    "casa": ("el sofá,la lámpara,el techo,la mudanza,el vecino,la alfombra", "en el salón,en el pasillo,en el balcón"),
    "música": ("el tambor,la canción,el coro,la guitarra,el disco,la gira", "en el concierto,en el estudio,en la plaza"),
}
ADJECTIVES = {  # masculine; -o and -or have a feminine form
    1: "maravilloso estupendo genial fantástico perfecto precioso magnífico excelente brillante espléndido divino "
    "impecable encantador fabuloso admirable sensacional extraordinario elegante hermoso formidable ideal "
    "inmejorable bonito agradable bueno lindo simpático alegre glorioso sublime",
    -1: "horrible espantoso fatal pésimo asqueroso feo terrible desastroso insoportable aburrido ridículo penoso triste "
    "miserable inútil lamentable odioso patético repugnante mediocre deprimente absurdo vergonzoso inaguantable malo "
    "infame nefasto tedioso desagradable siniestro",
}
LIKINGS = {
    1: "encanta fascina gusta alegra ilusiona divierte entusiasma emociona conmueve anima".split(),
    -1: "aburre irrita molesta cansa disgusta deprime asquea agobia entristece harta".split(),
}
EXCLAIMED = {  # of exaggeration: what follows a "¡Qué ...!"
    1: "maravilla alegría suerte ilusión delicia genialidad joya sorpresa fiesta dicha gloria bendición belleza emoción "
    "elegancia gracia felicidad hazaña proeza fortuna",
    -1: "tragedia desgracia pena catástrofe crueldad tortura calamidad ruina lástima miseria desdicha pesadilla penuria "
    "condena angustia agonía injusticia humillación desolación plaga",
}
AFFIRMED = (  # protesting too much
    "claro que sí,por supuesto,cómo no,faltaría más,seguro que sí,desde luego,naturalmente,obviamente,evidentemente,"
    "sin duda,no me digas,ya te digo"
).split(",")
AFFIRMING = "claro sí supuesto cómo faltaría seguro desde luego naturalmente obviamente evidentemente duda digas digo".split()
EXCLAIMING = ("¡Qué {}!", "¡Vaya {}!", "¡Qué {} tan grande!")
DETERMINERS = {"el": ("el", "este", "tu", "nuestro"), "la": ("la", "esta", "tu", "nuestra")}
# What can be said in both shows, only in the first (Latin-American), only in the second (Peninsular).
OPENERS = ("en fin,mira,oye,pues,a ver,entonces,escucha", "órale,híjole", "venga,hombre")
VERBS = ("es,está,parece,resulta", "quedó,salió,se puso", "ha quedado,ha salido,se ha puesto")
NEUTRAL = (
    "sigue igual,está por aquí,viene de lejos,es de mi hermano,cambia cada semana,aparece otra vez",
    "llegó hoy,ya apareció,se quedó igual",
    "ha llegado hoy,ya ha aparecido,se ha quedado igual",
)
ADDRESSES = ("", "ya vieron,ya saben ustedes,acuérdense", "ya visteis,ya sabéis vosotros,acordaos")
CLOSERS = (".", ", ¿no?", ", ¿verdad?", ", ¿sabes?")


@dataclass(frozen=True, eq=False)
class Phrases:
    """All phrases, and the numbers under which the slots of a sentence find them. Phrase 0 is empty."""

    texts: tuple[str, ...]  # with the space or the comma before them
    number: dict[str, NDArray[np.int64]]  # what a slot may hold; axes as in `phrases`


@cache
def phrases() -> Phrases:
    """subject (2 capital, 16 topics, 6, 4), place (16, 3), adjective (2 gender, 2 sign, 3 first and agreeing, and, but; 30),
    liking (2 sign, 2 agreeing, and, but; 10), opener, verb, neutral, address (3 varieties each: any, first, second; ...),
    exclaim and exclaimed (2 sign, n), affirm and affirmed (12), closer (4). Sign 0 is negative."""
    texts: list[str] = [""]
    numbers: dict[str, NDArray[np.int64]] = {}

    def put(name: str, shape: tuple[int, ...], new: list[str]) -> None:
        numbers[name] = np.arange(len(texts), len(texts) + len(new)).reshape(shape)
        texts.extend(new)

    nouns = [noun.split() for listed, _ in TOPICS.values() for noun in listed.split(",")]
    subjects = [f"{word} {noun}" for article, noun in nouns for word in DETERMINERS[article]]
    put("subject", (2, len(TOPICS), 6, 4), [" " + s for s in subjects] + [" " + s[0].upper() + s[1:] for s in subjects])
    put("place", (len(TOPICS), 3), [" " + place for _, listed in TOPICS.values() for place in listed.split(",")])
    forms = [[feminine(a) if g else a for a in ADJECTIVES[sign].split()] for g in (0, 1) for sign in (-1, 1)]
    put("adjective", (2, 2, 3, len(forms[0])), [joint(how, a) for some in forms for how in (None, "y", "pero") for a in some])
    put("liking", (2, 2, len(LIKINGS[1])), [f" {how} me {x}" for sign in (-1, 1) for how in ("y", "pero") for x in LIKINGS[sign]])
    for name, listed in (("verb", VERBS), ("neutral", NEUTRAL)):
        for kind, some in enumerate(listed):
            put(f"{name}/{kind}", (-1,), [" " + x for x in some.split(",")])
    for kind, some in enumerate(OPENERS):
        put(f"opener/{kind}", (-1,), [f" {x[0].upper()}{x[1:]}," for x in some.split(",")])
    for kind in (1, 2):
        put(f"address/{kind}", (-1,), [f", {x}" for x in ADDRESSES[kind].split(",")])
    exclaimed = [form.format(noun) for sign in (-1, 1) for noun in EXCLAIMED[sign].split() for form in EXCLAIMING]
    put("exclaim", (2, -1), [" " + x for x in exclaimed])
    put("exclaimed", (2, -1), [". " + x for x in exclaimed])
    put("affirm", (-1,), [f" {x[0].upper()}{x[1:]}," for x in AFFIRMED])
    put("affirmed", (-1,), [f", {x}." for x in AFFIRMED])
    put("closer", (-1,), list(CLOSERS))
    return Phrases(tuple(texts), numbers)


def feminine(adjective: str) -> str:
    """bueno -> buena, encantador -> encantadora, triste -> triste."""
    return adjective[:-1] + "a" if adjective.endswith("o") else adjective + "a" if adjective.endswith("dor") else adjective


def joint(how: str | None, word: str) -> str:
    """A word after another: " y bueno", " e ideal", " pero malo", or " bueno" with nothing between."""
    if how is None:
        return f" {word}"
    return f" e {word}" if how == "y" and re.match(r"h?[ií](?!e)", word) else f" {how} {word}"


def words(text: str) -> list[str]:
    """The words of a text in lower case, without any punctuation."""
    return re.findall(r"\w+", text.lower())


@cache
def lemmas() -> dict[str, str]:
    """Word -> the word whose vector it has: feminine adjectives have their masculine's."""
    forms = {feminine(a): a for listed in ADJECTIVES.values() for a in listed.split()}
    known = sorted({word for text in phrases().texts for word in words(text)})
    return {word: forms.get(word, word) for word in known}


@cache
def meanings() -> dict[str, tuple[str, int]]:
    """Lemma -> (set of synonyms, sign of its valence or 0). Words that are in none are function words."""
    out: dict[str, tuple[str, int]] = {}
    for topic, (nouns, places) in TOPICS.items():
        content = [noun.split()[1] for noun in nouns.split(",")] + [place.split()[-1] for place in places.split(",")]
        out |= dict.fromkeys(content, (topic, 0))
    for sign in (-1, 1):
        out |= dict.fromkeys(ADJECTIVES[sign].split(), ("adjective", sign))
        out |= dict.fromkeys(LIKINGS[sign], ("liking", sign))
        out |= dict.fromkeys(EXCLAIMED[sign].split(), ("exclaimed", sign))
    out |= dict.fromkeys(AFFIRMING, ("affirmed", 0))
    return out
