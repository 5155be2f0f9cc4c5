# ruff: noqa: E501, SIM905
"""The vocabulary of the reading rules, in the languages that prompts are commonly written in. Data only."""

from __future__ import annotations

# What people write before the input of a demonstration, and before its answer. Lower case.
INPUT_WORDS = frozenset(
    [
        "input",
        "inputs",
        "in",
        "text",
        "texts",
        "sentence",
        "question",
        "q",
        "query",
        "source",
        "src",
        "prompt",
        "user",
        "review",
        "tweet",
        "document",
        "passage",
        "context",
        "article",
        "word",
        "phrase",
        "message",
        "comment",
        "email",
        "headline",
        "statement",
        "problem",
        "premise",
        "hypothesis",
        "utterance",
        "eingabe",
        "frage",
        "text",
        "satz",
        "quelle",
        "entrée",
        "entree",
        "question",
        "phrase",
        "texte",
        "entrada",
        "pregunta",
        "texto",
        "frase",
        "pergunta",
        "ingresso",
        "domanda",
        "testo",
        "вход",
        "вопрос",
        "текст",
        "ввод",
        "предложение",
        "入力",
        "質問",
        "文",
        "文章",
        "テキスト",
        "输入",
        "问题",
        "文本",
        "句子",
        "원문",
        "입력",
        "질문",
        "문장",
        "텍스트",
        "مدخل",
        "السؤال",
        "النص",
        "इनपुट",
        "प्रश्न",
        "girdi",
        "soru",
        "metin",
        "invoer",
        "vraag",
        "zin",
        "wejście",
        "pytanie",
        "zdanie",
    ]
)
OUTPUT_WORDS = frozenset(
    [
        "output",
        "outputs",
        "out",
        "answer",
        "a",
        "label",
        "labels",
        "target",
        "tgt",
        "response",
        "completion",
        "result",
        "category",
        "class",
        "sentiment",
        "intent",
        "translation",
        "summary",
        "title",
        "assistant",
        "prediction",
        "tag",
        "topic",
        "ausgabe",
        "antwort",
        "label",
        "ergebnis",
        "kategorie",
        "sortie",
        "réponse",
        "reponse",
        "étiquette",
        "salida",
        "respuesta",
        "etiqueta",
        "categoría",
        "saída",
        "saida",
        "resposta",
        "rótulo",
        "uscita",
        "risposta",
        "etichetta",
        "выход",
        "ответ",
        "метка",
        "вывод",
        "出力",
        "答え",
        "回答",
        "ラベル",
        "解答",
        "输出",
        "答案",
        "标签",
        "출력",
        "답변",
        "정답",
        "답",
        "라벨",
        "مخرج",
        "الجواب",
        "الإجابة",
        "आउटपुट",
        "उत्तर",
        "çıktı",
        "cevap",
        "etiket",
        "uitvoer",
        "antwoord",
        "wyjście",
        "odpowiedź",
    ]
)
# Those of them that always mean the answer, the surest first.
STRONG_OUTPUTS = tuple(
    "output outputs ausgabe sortie salida saída saida uscita выход вывод 出力 输出 출력 çıktı uitvoer wyjście answer"
    " response antwort réponse reponse respuesta resposta risposta ответ 答え 回答 解答 答案 답변 정답 답 الجواب उत्तर"
    " cevap antwoord odpowiedź completion assistant label out a".split()
)
# Words for an input that say nothing of what it is, so that they name no field.
GENERIC_INPUTS = frozenset(
    "input inputs in q src source prompt user 入力 输入 입력 eingabe entrada entrée вход ввод".split()
)
# Words that a list of labels never consists of.
NO_LABELS = frozenset(
    "not so whether the a an it them more less how why what which that this vice versa".split()
)
# Labelled lines that describe the task and are no field of a row.
META_WORDS = frozenset(
    [
        "task",
        "instruction",
        "instructions",
        "note",
        "notes",
        "labels",
        "categories",
        "classes",
        "format",
        "definition",
        "example",
        "examples",
        "rules",
        "requirements",
        "hint",
        "hints",
        "important",
        "constraints",
        "output_format",
        "answer_format",
        "things_to_avoid",
        "caution",
        "options",
        "are",
        "aufgabe",
        "anweisung",
        "hinweis",
        "beispiel",
        "beispiele",
        "tâche",
        "remarque",
        "exemple",
        "exemples",
        "tarea",
        "nota",
        "ejemplo",
        "ejemplos",
        "задача",
        "пример",
        "примеры",
        "例",
        "任务",
        "示例",
        "注意",
        "タスク",
        "指示",
        "과제",
        "예시",
        "예",
    ]
)
# Lines that only announce the demonstrations.
ANNOUNCEMENT = (
    r"(?:[#>*\s\-]*)(?:(?:here|below|following|these)\b[^\n]{0,120}\b(?:examples?|demonstrations?|samples?)\b[^\n]{0,120}"
    r"|(?:for\s+)?(?:positive\s+)?(?:some\s+)?(?:examples?|demonstrations?|few-shot examples?|samples?)(?:\s+inputs?\b[^\n]{0,40})?"
    r"|(?:hier\s+[^\n]{0,60})?beispiele?[^\n]{0,40}|(?:voici\s+[^\n]{0,60})?exemples?[^\n]{0,40}|ejemplos?[^\n]{0,40}"
    r"|exemplos?|esempi[o]?|przykłady?|voorbeeld(?:en)?|пример[ы]?|例|例えば|以下は例です|示例|例子|예시|예)\s*\d*\s*(?:\*\*)?\s*[:：.\-—]*\s*(?:\*\*)?"
)

# Fields that rows of known tasks have; a name followed by a colon inside one text counts only from here.
FIELD_WORDS = frozenset(
    [
        "question",
        "context",
        "passage",
        "paragraph",
        "document",
        "article",
        "text",
        "sentence",
        "sentence1",
        "sentence2",
        "sentence_a",
        "sentence_b",
        "premise",
        "hypothesis",
        "title",
        "story",
        "fact",
        "topic",
        "query",
        "clarification",
        "statement",
        "review",
        "tweet",
        "summary",
        "dialogue",
        "table",
        "claim",
        "evidence",
        "keyword",
        "word",
        "term",
        "subject",
        "body",
        "code",
        "intent",
        "category",
        "clue",
        "options",
        "choices",
        "prompt",
        "background",
    ]
)
CONTEXT_WORDS = frozenset(
    [
        "context",
        "passage",
        "paragraph",
        "document",
        "article",
        "text",
        "story",
        "background",
        "excerpt",
        "contract",
        "report",
        "page",
        "abstract",
        "kontext",
        "absatz",
        "contexte",
        "passage",
        "contexto",
        "párrafo",
        "контекст",
        "абзац",
        "文脈",
        "上下文",
        "段落",
        "지문",
        "문맥",
    ]
)
QUESTION_WORDS = frozenset(
    ["question", "query", "q", "frage", "pregunta", "pergunta", "domanda", "вопрос", "質問", "问题", "질문"]
)

# English names of languages, ISO 639-1.
LANGUAGES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt",
    "dutch": "nl", "polish": "pl", "russian": "ru", "ukrainian": "uk", "japanese": "ja", "chinese": "zh",
    "mandarin": "zh", "korean": "ko", "arabic": "ar", "hindi": "hi", "bengali": "bn", "tamil": "ta", "telugu": "te",
    "thai": "th", "turkish": "tr", "vietnamese": "vi", "indonesian": "id", "swedish": "sv", "danish": "da",
    "norwegian": "no", "finnish": "fi", "greek": "el", "hebrew": "he", "persian": "fa", "farsi": "fa", "urdu": "ur",
    "czech": "cs", "slovak": "sk", "hungarian": "hu", "romanian": "ro", "bulgarian": "bg", "croatian": "hr",
    "serbian": "sr", "slovenian": "sl", "catalan": "ca", "galician": "gl", "basque": "eu", "latvian": "lv",
    "lithuanian": "lt", "estonian": "et", "swahili": "sw", "filipino": "tl", "tagalog": "tl", "malay": "ms",
}  # fmt: skip

# Endonyms, for statements inside prompts of that language ("auf Deutsch", "日本語の質問").
ENDONYMS = {
    "deutsch": "de", "deutsche": "de", "deutschen": "de", "deutscher": "de", "französisch": "fr", "englisch": "en",
    "français": "fr", "française": "fr", "anglais": "en", "español": "es", "española": "es", "inglés": "en",
    "italiano": "it", "italiana": "it", "português": "pt", "portuguesa": "pt", "nederlands": "nl", "polski": "pl",
    "русский": "ru", "русском": "ru", "русского": "ru", "日本語": "ja", "スペイン語": "es", "フランス語": "fr", "ドイツ語": "de", "中国語": "zh", "韓国語": "ko", "英語": "en", "中文": "zh", "英文": "en",
    "한국어": "ko", "영어": "en", "türkçe": "tr",
}  # fmt: skip

# The commonest words of the languages in Latin and Cyrillic script; what several share counts for each.
STOP_WORDS = {
    "en": "the of and to in is are that for it with as on be this from or an which was by not you what your will if given a",
    "de": "der die das und ist nicht ein eine einen zu den mit von für auf im dem des sich auch oder wird sie werden aus bei",
    "fr": "le la les des et est un une du dans pour que qui en sur pas ce avec par ou vous au aux cette sont dans il elle",
    "es": "el la los las de y es en un una que por para con del se no al lo su como o si más este esta son entre",
    "it": "il lo la gli le di e è un una che per con del della dei nel non si al da o come più questo questa sono se i",
    "pt": "o a os as de e é um uma que por para com do da dos das no na não se em ao ou como mais este esta são você",
    "nl": "de het een en van is in op te dat die voor met niet zijn aan er om of als ook door naar uit wordt deze dit",
    "pl": "i w na z do nie się jest to że o jak za po dla od oraz lub czy przez są który która który ten tej tego",
    "sv": "och i att det som en på är av för med den till inte om ett eller de från vid kan ska har denna detta",
    "tr": "ve bir bu için ile de da olarak olan ne mi daha gibi çok en veya verilen şu değil kadar sonra her",
    "ru": "и в на не что с по для это как из или от к то а если он она они его все при быть который ли",
    "uk": "і в на не що з по для це як із або від до та якщо він вона вони його все при бути який чи є",
    "id": "yang dan di dari untuk dengan ini itu pada adalah tidak ke atau dalam akan oleh sebagai jika apakah",
    "vi": "và của là các một cho trong với được không có này đó từ hoặc những để khi về bạn câu",
}  # fmt: skip

# Verbs and nouns that tell what sort of task a prompt sets. English first, then the same in other languages.
CLASSIFY = (
    r"\b(?:detect|identify|recognize|recognise|predict) the (?:language|sentiment|emotion|intent|topic|category|tone|stance|genre)\b|\brate the \w+ (?:from|on a scale)|"
    r"тональност|настроени|"
    r"\bclassif\w*|\bcategori[sz]\w*|\bsentiment analysis|\bpredict (?:the|its|a|their) (?:\w+ )?(?:label|class|category|sentiment|intent|emotion|rating|polarity)"
    r"|\bassign (?:it |each |one |a |the )+[^.\n]{0,60}\b(?:label|class|category|intent|topic)|\bdetect (?:whether|if)|\b(?:determine|decide|judge|identify|tell|say|indicate|verify|check|predict) (?:whether|if)\b"
    r"|\blabel (?:each|the|every|it|this)|\bwhich (?:of the )?(?:categor|class|label|intent)\w*|\b(?:intent|toxicity|spam|emotion|hate speech|language|stance) (?:detection|identification|recognition)"
    r"|\bmultiple[- ]choice|\bchoose (?:the|one|between|from)|\bselect (?:the|one)\b|\btrue or false\b|\byes or no\b|\bnatural language inference\b"
    r"|\bklassifizier\w*|\bordne\w* .{0,60} zu\b|\bcatégori\w+|\bclasse[rz]\b|\bclasifi\w+|\bclassificar?\b|\bclassifique\b|\bklasyfik\w+|\bsklasyfikuj|\bклассифи\w+|\bопредели\w*,? (?:является|какой|к какой)|分類|分类|判断|判定|분류|صنّ?ف|वर्गीकृत|sınıflandır"
)
EXTRACT = (
    r"\bspans?\b(?! multiple)|\bextractive\b|\bextract (?:the|an?|its|every|all|only|from)\b|\bverbatim|\b(?:copied|copy|taken|quoted?|exact (?:words?|phrase|text)) (?:\w+ ){0,3}from\b"
    r"|\bfrom within the\b|\bwords? (?:that (?:appear|occur)s? )?(?:in|from|of) the (?:passage|context|text|paragraph|sentence|document|article)\b"
    r"|\bbased on the words in the\b|\b(?:find|identify|locate|recogni[sz]e)\b[^.\n]{0,60}\b(?:in|from|within) (?:the|a|an|given|this)\b[^.\n]{0,30}\b(?:passage|context|text|paragraph|sentence|document|article|tweet|conversation|excerpt|story)"
    r"|\b(?:passage|context|paragraph|text|document|article|contract)\b[^.\n]{0,80}\b(?:contains?|holds?|includes?) the answer"
    r"|\breading comprehension|\bzitier\w*|\btextstelle|\bextra(?:is|ire|ie|er|ia)\w*|\bизвлек\w+|抜き出|抽出|提取|摘录|추출"
)
ANSWER_FROM_TEXT = (
    r"\b(?:answer|respond)\w*\b[^.\n]{0,80}\b(?:from|using|based on|given|about|according to|with)\b[^.\n]{0,40}\b(?:passages?|contexts?|paragraphs?|documents?|articles?|texts?|excerpts?|contracts?)\b"
    r"|\b(?:passage|context|paragraph|document|article|text)\b[^.\n]{0,60}\b(?:and|with) (?:an? |the )?questions?\b|\bquestions? (?:and|with|about|on|over) (?:an? |the )?(?:\w+ )?(?:passage|context|paragraph|document|article|text)\b"
    r"|\bbeantwort\w+[^.\n]{0,60}(?:text|absatz|passage)|\brépond\w+[^.\n]{0,60}(?:texte|passage|contexte)|\brespond\w+[^.\n]{0,60}(?:texto|pasaje|contexto|párrafo|trecho)"
    r"|\bответ\w+[^.\n]{0,60}(?:текст|отрыв|абзац|контекст)|(?:文章|本文|文脈|段落|パッセージ).{0,20}(?:質問|答え)|(?:根据|阅读).{0,20}(?:回答|问题)|지문.{0,20}(?:질문|답)"
)
GENERATE = (
    r"\btranslat\w*|\bsummari[sz]\w*|\bparaphras\w*|\brewrit\w*|\brephras\w*|\bgenerat\w*|\bwrite\b|\bcompose\b|\bcreate\b|\bsimplif\w*|\bcompress\w*|\bconvert\w*|\bnormali[sz]\w*|\btransform\w*"
    r"|\bcomplete the (?:story|sentence)|\bcontinue\b|\bcorrect the\b|\bfix\b|\belaborate\b|\bcode\b|\btranscri\w*|\bconstruct\w*|\bparse\b|\bprovide\b"
    r"|\bübersetz\w*|\bfasse\b|\bschreib\w*|\btradui\w+|\brésum\w+|\bécri\w+|\btradu[cz]\w+|\bresum\w+|\bescrib\w+|\bперевед\w+|\bнапиш\w+|翻訳|要約|生成|書き|翻译|总结|写|번역|요약"
)

# What joins the items of a list.
AND_OR = "or|and|and/or|vs\\.?|versus|oder|und|bzw\\.?|ou|et|o|u|y|e|ed|oppure|en|lub|albo|czy|i|или|либо|и|або|veya|ya da|ve|eller|och|nebo|または|或者|或|또는|혹은|أو|या|hoặc|atau"
# What a closed set of answers is called.
LABEL_NOUNS = (
    r"\b(?:labels?|class(?:es)?|categor(?:y|ies)|queues?|teams?|desks?|departments?|topics?|intents?|sentiments?|emotions?|tags?|hashtags?|types?|kinds?|groups?"
    r"|buckets?|bins?|options?|choices?|levels?|priorit(?:y|ies)|severity|urgency|grades?|ratings?|folders?|codes?|status(?:es)?|values?|genres?|stances?|tones?"
    r"|verdicts?|answers?|outcomes?|sections?|themes?|areas?|reasons?|drawers?|piles?|flags?|one of|either|exactly one|pick|choose from|"
    r"kategori\w*|klassen?|abteilung\w*|stufen?|arten|schlagw\w+|themen?|gruppen?|bereiche?|fächer|eines? (?:der|von|aus)|"
    r"catégories?|classes?|étiquettes?|services?|équipes?|niveaux?|thèmes?|rubriques?|valeurs?|motifs?|parmi|"
    r"categor[ií]as?|clases?|etiquetas?|equipos?|departamentos?|temas?|nivel(?:es)?|tipos?|valores?|áreas?|opciones|entre|"
    r"rótulos?|equipes?|setor(?:es)?|níve(?:l|is)|opções|categori[ae]|etichett[ae]|classi|reparti?|livell[oi]|tipologi[ae]|"
    r"categorie\w*|afdelingen?|soorten?|klas\w*|etykiet\w*|dział\w*|typ\w*|zespo\w+|poziom\w*|"
    r"категори\w+|класс\w*|метк\w+|тип\w*|отдел\w*|тем\w|уровн\w+|тег\w*|вариант\w*|групп\w*|"
    r"etiket\w*|sınıf\w*|tür\w*|konu\w*|departman\w*|seviye\w*|birim\w*)\b"
    r"|カテゴリ|ラベル|種類|分類|クラス|部署|タグ|レベル|いずれか|区分|のうち|选项|类别|标签|分类|类型|部门|等级|之一|主题|카테고리|라벨|분류|유형|부서|등급|중 하나|중에|태그"
    r"|فئة|الفئات|فئات|تصنيف|أنواع|الأنواع|نوع|القسم|أقسام|وسوم|التالية|श्रेणी|श्रेणि|वर्ग|लेबल|टैग|प्रकार"
)
# Verbs that ask for an answer, near a list of labels.
ANSWER_WORDS = (
    r"\b(?:answer|output|return|reply|respond|indicate|classif\w+|label\w*|say|predict|choose|select|categor\w+|pick|assign|sort|route|decide|tell|grade|"
    r"mark|flag|only|just|antwort\w*|ausgeb\w+|ausgabe|nur|zuordn\w+|einordn\w+|répond\w+|classe\w*|uniquement|seulement|sortie|respond\w+|responda|clasific\w+|solo|"
    r"classific\w+|apenas|somente|rispondi|soltanto|ответ\w*|только|определ\w+|odpowied\w+|tylko|yanıt\w*|cevap\w*|sadece|antwoord\w*|alleen)\b"
    r"|答え|出力|回答|判定|分け|振り分け|输出|回答|判断|只|답|출력|분류|أجب|اكتب|صنف|فقط|उत्तर|केवल"
)
# A list after these illustrates and is not complete; one after those names what goes in or out field by field.
ILLUSTRATES = r"\be\.?g\.|\bi\.e\.|\bfor (?:example|instance)|\bsuch as|\blike\b|\bincluding\b|\bz\. ?b\.|\bbeispiel\w*|\bwie\b|\bp(?:ar|or) (?:ex|ej)\w*\.?|\bex\.|\bcomo\b|\bad esempio|\bes\.|\bnp\.|\bнапример|\bнапр\.|\bтипа|例えば|例：|例:|例如|比如|예를 들어|예:|مثل|مثلا|जैसे|\bmesela|\börneğin|\bbijv\."
FIELD_LISTS = (
    r"\b(?:inputs?|columns?|fields?|keys?|attributes?|schema|json|properties|slots?|eingabe|felder|spalten|champs|clés|campos|claves|columnas|chaves|campi|chiavi|colonne"
    r"|поля|ключ\w*|pola|pól|kolumn\w*|alanlar\w*|velden)\b|フィールド|キー|項目|字段|键|필드|키|항목|حقول|المفاتيح|फ़ील्ड"
)
# The answer is to be the code, not its meaning; and the other way round.
BY_CODE = (
    r"\b(?:only|just|give back|return|output|answer with|reply with|respond with|write|print|the)\b[^.\n]{0,30}\b(?:digits?|numbers?|codes?|letters?|figure)\b|\bdigits? only\b|\bletters? only\b|\bnumbers? only\b|\bcodes? only\b"
    r"|\bcodes?:|\bsingle (?:letter|digit|number|character)|\bnur (?:die )?(?:ziffer|zahl|nummer|buchstabe)\w*|\b(?:ziffer|nummer|code)\b[^.\n]{0,20}\b(?:ausgeben|zurück|antworten)|\b(?:seulement|uniquement|juste)\b[^.\n]{0,20}\b(?:chiffre|numéro|lettre|code)"
    r"|\b(?:le|un) (?:chiffre|numéro|code)\b|\b(?:solo|sólo|únicamente)\b[^.\n]{0,20}\b(?:número|dígito|letra|código)|\bsolo (?:il|la) (?:numero|cifra|lettera|codice)|\b(?:apenas|só|somente)\b[^.\n]{0,20}\b(?:número|dígito|letra|código)"
    r"|\bтолько (?:цифр|номер|букв|код)\w*|\b(?:цифр|номер|букв|код)\w* (?:только|без)|\btylko (?:cyfr|numer|liter|kod)\w*|\b(?:sadece|yalnızca) (?:rakam|numara|harf|kod)\w*|(?:数字|番号|記号|コード|编号|字母|代码)(?:のみ|だけ|即可)|只(?:输出|写|要|回答)?(?:数字|编号|字母|代码)|(?:숫자|번호|기호|코드)만|الرقم فقط|رقم فقط"
)
BY_WORD = r"\b(?:letters?|numbers?|digits?) (?:shall|should|must|do|does|are|is)(?: not|n['’]t)\b|\b(?:don['’]t|do not|never) (?:output|include|write|print|return) the (?:letter|number|digit)s?|\bnot (?:the|its|their|a) (?:number|digit|letter|code)|\bthe (?:word|name|label)\b[^.\n]{0,12}\bnot\b|\b(?:without|no) (?:the )?(?:numbers?|letters?)\b|番号(?:では|じゃ)なく|번호 말고|numara değil|不(?:要|是)(?:编号|数字)|\bnicht die (?:nummer|ziffer|zahl)|\bpas le (?:numéro|chiffre)|\bno el número|\bне (?:номер|цифр)\w*"
YES_NO = frozenset(
    "yes no true false maybe neutral positive negative mixed spam ham unknown ja nein nee oui non sí si no sim não da nie tak да нет так ні はい いいえ 是 否 예 아니오 네 아니요 نعم لا हाँ नहीं हां evet hayır ano ne nej".split()
)
