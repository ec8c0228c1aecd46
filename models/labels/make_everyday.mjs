/**
 * Writes everyday.json, ImageNet's classes as one says them and the group each belongs to:
 *
 *     node models/labels/make_everyday.mjs
 *
 * [{id, name, group}], by id. Names are imagenet.json's but for those in NAMES, which are rare, British, misleading or
 * stand for two classes there; here every name is one class. Groups are for readers ("dog: Labrador retriever"), not
 * for measuring: evaluate.py's pooling has a table of its own.
 */
import { readFileSync, writeFileSync } from 'node:fs';

/** Group -> ids and ranges of ids. ImageNet's animals come in the order of their kinds, things in that of the alphabet. */
const GROUPS = {
  fish: '0-6 389-397',
  bird: '7-24 80-100 127-146',
  'frog or salamander': '25-32',
  turtle: '33-37',
  'lizard or crocodile': '38-51',
  snake: '52-68',
  'spider or scorpion': '70-79 815',
  insect: '300-326',
  'sea animal': '69 107-112 115-126 327-329 147-150',
  'snail or slug': '113 114',
  'pouched or egg-laying animal': '102-106',
  dog: '151-268',
  'wolf or fox': '269-280',
  cat: '281-285',
  'big cat': '286-293',
  'bear or panda': '294-297 387 388',
  'small furry animal': '298 299 330-338 356-364',
  'hoofed animal': '339-355',
  monkey: '365-384',
  elephant: '101 385 386',
  boat: '403 472 484 510 554 576 625 628 694 724 780 814 833 871 913 914',
  aircraft: '404 405 417 701 812 895',
  'car or truck': '407 408 436 468 511 555 561 569 573 575 609 627 656 661 675 717 734 751 757 803 817 847 864 867 586 660 ' +
    '665 670 802 866 595 856',
  'bus or train': '466 547 565 654 705 779 820 829 874',
  'bicycle or cart': '428 444 450 537 603 612 671 690 791 870 880',
  'part of a vehicle': '475 479 535 581 685 686 785 908 694',
  building: '410 415 424 425 437 442 448 449 454 467 483 497 498 500 509 536 538 580 582 624 634 663 668 698 706 727 743 762 ' +
    '788 832 853 858 860 865 900 915 819',
  'bridge, wall or monument': '406 421 460 489 525 557 562 649 682 708 716 718 821 825 839 863 873 877 884 888 912 645 646 540',
  furniture: '423 431 453 493 495 516 520 526 532 548 553 556 559 564 648 703 736 765 799 831 857 861 894 492 789 453 894',
  'kitchen thing': '441 463 469 473 499 503 504 505 512 521 534 544 550 567 572 618 647 651 653 659 725 729 738 760 766 773 ' +
    '809 813 827 828 849 859 868 891 899 901 909 910 923 968 440 737 898 907 720 968',
  'everyday thing': '412 523 418 419 434 435 455 462 470 478 480 533 539 545 549 551 585 588 589 599 600 604 606 607 626 629 631 ' +
    '636 637 640 644 669 674 680 692 696 700 709 710 711 719 721 728 731 741 748 750 753 767 771 790 793 794 797 804 811 ' +
    '816 838 840 846 850 854 855 876 882 883 893 896 897 904 905 999 414 427 438 446 461 519 563 584 591 611 616 619 621 679 ' +
    '681 712 747 749 756 886 911 723 797 879 758 750 735 676 704 571 464 733 739',
  tool: '477 488 491 496 506 507 543 587 596 605 623 677 695 714 726 730 740 758 769 772 783 784 786 792 798 818 845 862 ' +
    '517 583 615 622 626 633 635 666 693 754 755 774 778 807 823 826 830 835 844 848 872 487 851 615',
  'computer or device': '398 409 413 426 447 481 482 485 508 527 528 530 531 590 592 598 605 613 620 632 650 662 664 673 688 707 ' +
    '713 732 742 745 759 761 782 800 810 848 851 878 892 916 487 754 755 807 826 622 872 409 487',
  weapon: '413 456 471 597 657 744 763 764 777 787',
  'musical instrument': '401 402 420 432 458 486 494 513 541 542 546 558 566 577 579 593 594 641 642 683 684 687 699 776 822 ' +
    '875 881 889 902',
  clothing: '399 400 411 433 439 443 445 451 452 457 459 465 474 490 501 502 514 515 518 524 529 552 560 568 570 578 601 608 ' +
    '610 614 617 630 638 639 643 652 655 658 667 678 689 691 697 715 735 770 774 775 793 796 806 808 824 834 836 837 841 842 ' +
    '869 887 903 906 885 911 655 615 464 679 496',
  'sport or play': '416 422 429 430 476 522 543 574 602 672 702 722 746 747 752 768 781 795 801 805 843 852 890 611 672',
  sign: '704 917 918 919 920 921 922',
  food: '924-969',
  landscape: '970-980',
  person: '981-983',
  'plant or mushroom': '984-998',
};
// what a thing is when it stands in two lists
const FIRST = {
  'computer or device': [480, 487, 605, 622, 681, 754, 826, 848, 851, 872], 'everyday thing': [458, 496, 623, 971], weapon: [413],
  clothing: [461, 464, 615, 679, 735, 748, 774], 'sport or play': [543, 611, 693, 747], 'musical instrument': [714],
  boat: [694], 'kitchen thing': [968], 'plant or mushroom': [958],
};

const NAMES = {
  2: 'great white shark', 7: 'rooster', 13: 'junco (bird)', 15: 'American robin', 16: 'bulbul (bird)', 20: 'dipper (bird)',
  21: 'kite (bird)', 27: 'young newt', 33: 'loggerhead turtle', 36: 'pond turtle', 52: 'thunder snake', 67: 'diamondback rattlesnake',
  68: 'sidewinder snake', 70: 'harvestman (daddy longlegs)', 80: 'black grouse', 85: 'quail', 87: 'African grey parrot',
  89: 'cockatoo', 90: 'lorikeet', 93: 'hornbill', 98: 'merganser duck', 101: 'elephant with tusks', 134: 'crane (bird)',
  145: 'king penguin', 147: 'grey whale', 148: 'orca', 151: 'Chihuahua', 153: 'Maltese dog', 157: 'papillon dog', 163: 'bloodhound',
  168: 'redbone coonhound', 186: 'Norwich terrier', 192: 'cairn terrier', 195: 'Boston terrier', 204: 'Lhasa Apso', 216: 'Clumber spaniel',
  217: 'English springer spaniel', 219: 'cocker spaniel', 221: 'Irish water spaniel', 222: 'Kuvasz dog', 223: 'schipperke dog',
  224: 'Groenendael dog', 225: 'Belgian Malinois', 226: 'Briard dog', 227: 'kelpie dog', 228: 'Komondor dog', 242: 'boxer dog',
  245: 'French bulldog', 248: 'Eskimo dog', 249: 'Alaskan malamute', 250: 'Siberian husky', 251: 'Dalmatian', 252: 'affenpinscher dog', 253: 'basenji dog',
  254: 'pug', 256: 'Newfoundland dog', 257: 'Great Pyrenees dog', 260: 'chow chow', 261: 'keeshond', 262: 'Brussels griffon',
  263: 'Pembroke corgi', 264: 'Cardigan corgi', 274: 'dhole (wild dog)', 275: 'African wild dog', 281: 'tabby cat', 282: 'tiger cat', 284: 'Siamese cat',
  285: 'Egyptian Mau cat', 286: 'cougar', 291: 'lion', 295: 'black bear', 299: 'meerkat', 309: 'bee', 311: 'grasshopper',
  320: 'damselfly', 321: 'red admiral butterfly', 322: 'ringlet butterfly', 323: 'monarch butterfly', 324: 'cabbage white butterfly',
  325: 'sulphur butterfly', 326: 'gossamer-winged butterfly', 331: 'hare', 332: 'Angora rabbit', 339: 'chestnut horse', 340: 'zebra', 341: 'pig', 344: 'hippopotamus',
  346: 'water buffalo', 348: 'ram (sheep)', 349: 'bighorn sheep', 354: 'camel', 355: 'llama', 358: 'polecat', 364: 'three-toed sloth',
  389: 'barracouta (fish)', 390: 'eel', 391: 'coho salmon', 392: 'rock beauty (fish)', 393: 'clownfish', 397: 'pufferfish', 385: 'Asian elephant', 387: 'red panda',
  388: 'giant panda', 408: 'amphibious vehicle', 412: 'trash can', 416: 'balance beam', 418: 'ballpoint pen', 419: 'adhesive bandage',
  421: 'banister', 428: 'wheelbarrow', 433: 'swimming cap', 436: 'station wagon', 437: 'lighthouse', 439: 'bearskin hat', 442: 'bell tower',
  444: 'tandem bicycle', 450: 'bobsleigh', 455: 'bottle cap', 456: 'archery bow', 458: 'brass plaque', 459: 'bra', 466: 'high-speed train',
  468: 'taxi', 469: 'cauldron', 474: 'cardigan', 475: 'wing mirror', 477: 'tool kit', 478: 'cardboard box', 480: 'cash machine', 482: 'cassette player',
  487: 'mobile phone', 491: 'chainsaw', 493: 'chest of drawers', 498: 'cinema', 500: 'cliff dwelling', 506: 'coil', 513: 'cornet',
  517: 'crane (machine)', 521: 'slow cooker', 528: 'telephone with a dial', 533: 'dishcloth', 544: 'casserole pot', 547: 'electric locomotive',
  548: 'TV cabinet', 555: 'fire engine', 556: 'fire screen', 563: 'fountain pen', 564: 'four-poster bed', 
  570: 'gas mask', 575: 'golf cart', 578: 'evening gown', 584: 'hair clip', 589: 'hair dryer', 590: 'palmtop computer', 592: 'hard disk',
  593: 'harmonica', 595: 'combine harvester', 598: 'home cinema', 603: 'horse and cart', 608: 'jeans', 610: 'jersey (T-shirt)', 612: 'rickshaw',
  620: 'laptop', 626: 'cigarette lighter', 628: 'ocean liner', 630: 'loafer shoe', 633: 'magnifying glass', 634: 'sawmill', 635: 'compass', 638: 'tight swimsuit',
  639: 'one-piece swimsuit', 644: 'match', 648: 'medicine cabinet', 649: 'standing stone', 657: 'missile', 661: 'Model T car', 664: 'computer screen', 666: 'mortar and pestle',
  667: 'graduation cap', 672: 'tent', 673: 'computer mouse', 677: 'nail', 680: 'baby bottle teat', 681: 'notebook computer', 687: 'church organ', 690: 'ox cart',
  694: 'paddle steamer wheel', 697: 'pajamas', 699: 'pan flute', 705: 'railway carriage', 707: 'payphone', 714: 'guitar pick', 715: 'spiked helmet', 719: 'piggy bank',
  724: 'pirate ship', 725: 'jug', 726: 'carpenter\'s plane', 730: 'plow', 731: 'toilet plunger', 733: 'pole', 736: 'pool table', 737: 'pop bottle', 738: 'flower pot',
  744: 'rocket', 746: 'ice hockey puck', 748: 'handbag', 751: 'racing car', 757: 'camper van', 758: 'reel', 759: 'camera', 761: 'remote control',
  769: 'ruler', 770: 'running shoe', 771: 'safe', 776: 'saxophone', 778: 'weighing scale', 782: 'screen', 789: 'Japanese paper screen', 800: 'slot machine',
  810: 'space bar', 811: 'space heater', 814: 'speedboat', 816: 'spindle', 824: 'stole (scarf)', 831: 'sofa bed', 834: 'suit', 836: 'sunglass (lens)', 837: 'sunglasses',
  840: 'mop', 846: 'table lamp', 847: 'tank', 850: 'teddy bear', 860: 'tobacconist', 871: 'trimaran', 876: 'bathtub with feet', 878: 'typewriter keyboard',
  881: 'upright piano', 882: 'vacuum cleaner', 884: 'vaulted ceiling', 887: 'priest\'s robe', 896: 'washbasin', 897: 'washing machine', 904: 'fly screen',
  905: 'window blind', 906: 'Windsor knot tie', 908: 'airplane wing', 911: 'knitted wool', 912: 'split-rail fence', 913: 'shipwreck', 914: 'yawl (sailing boat)', 916: 'web page',
  921: 'book cover', 925: 'clear soup', 929: 'ice lolly', 930: 'French bread', 934: 'hot dog', 936: 'cabbage', 945: 'bell pepper', 948: 'green apple',
  965: 'burrito', 970: 'mountain', 974: 'geyser', 975: 'lakeside', 976: 'headland', 978: 'seashore', 981: 'baseball player', 982: 'bridegroom', 984: 'oilseed rape field',
  986: 'lady\'s slipper orchid', 989: 'rose hip', 990: 'horse chestnut', 992: 'agaric (mushroom)', 993: 'false morel', 994: 'stinkhorn', 996: 'hen of the woods (mushroom)', 997: 'bolete (mushroom)',
  998: 'ear of corn', 999: 'toilet paper', 947: 'mushroom', 960: 'chocolate sauce', 967: 'espresso', 951: 'lemon', 920: 'traffic light', 919: 'street sign', 549: 'envelope',
};

const group = [];
for (const [name, text] of Object.entries(GROUPS)) {
  for (const range of text.split(' ')) {
    const [from, to = from] = range.split('-').map(Number);
    for (let id = from; id <= to; ++id) group[id] ??= name;
  }
}
for (const [name, ids] of Object.entries(FIRST)) for (const id of ids) group[id] = name;

const names = JSON.parse(readFileSync(new URL('imagenet.json', import.meta.url), 'utf8'));
const rows = names.map((name, id) => {
  if (!group[id]) throw new Error(`${id}, ${name}, is in no group.`);
  return JSON.stringify({ id, name: NAMES[id] ?? name, group: group[id] });
});
writeFileSync(new URL('everyday.json', import.meta.url), `[\n${rows.join(',\n')}\n]\n`);
